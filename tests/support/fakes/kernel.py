"""Clock, identifiers and randomness that tests decide about."""

import hashlib
from datetime import UTC, datetime, timedelta


class FakeClock:
    """A clock that stands still until it is told to move; both its times move together."""

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta) -> None:
        """Let `by` pass."""
        self._now += by
        self._monotonic += by.total_seconds()

    def set_back(self, by: timedelta) -> None:
        """Let an administrator turn the wall clock back; the monotonic time stays."""
        self._now -= by


class FakeIdentifiers:
    """Identifiers that count: `ord_1`, `ord_2`, `tok_3`."""

    def __init__(self) -> None:
        self._last = 0

    def new(self, prefix: str) -> str:
        self._last += 1
        return f"{prefix}_{self._last}"


class FakeRandomness:
    """The same bytes in every run, never the same twice within one."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._drawn = 0

    def token_bytes(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(f"{self._seed}:{self._drawn}".encode()).digest(size)
