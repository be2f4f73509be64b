"""Time: the process clock as a port, and the microseconds in which tables keep it.

Units: `Microseconds` count from 1970-01-01T00:00:00Z; `monotonic` is in seconds from an arbitrary point.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import NewType, Protocol

Microseconds = NewType("Microseconds", int)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Where time comes from; handed in, so that tests decide what time it is."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware and in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back; for nonces, limits and deadlines (S23)."""


class SystemClock:
    """The clock of this process."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def to_microseconds(moment: datetime) -> Microseconds:
    """Return `moment` as tables keep it. Raises ValueError for a datetime without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    since = moment - _EPOCH
    return Microseconds((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def from_microseconds(value: int) -> datetime:
    """Return the moment that a table keeps as `value`."""
    return _EPOCH + timedelta(microseconds=value)
