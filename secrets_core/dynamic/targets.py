"""How a target is spared: a circuit breaker in the database, and a bound of calls at once in each process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.kernel.randomness import Randomness
from ca_service.queue.jobs import pause_after
from secrets_core.dynamic.errors import TargetBusyError
from secrets_core.dynamic.leases import MOST_ERROR, PATIENCE

#: One that is down is asked again at least this often.
_LONGEST_OPEN = timedelta(minutes=1)
#: Calls to one target at once, in one process.
_MOST_CALLS = 8


class Breaker(Struct, frozen=True):
    """A target that did not answer: jobs stay away until `open_until`, then one of them tries."""

    failures: int
    down_since: datetime
    open_until: datetime
    last_error: str


def after_silence(breaker: Breaker | None, error: str, now: datetime, randomness: Randomness) -> Breaker:
    """Return the breaker after another call that the target did not answer: open longer each time."""
    failures = 1 if breaker is None else breaker.failures + 1
    pause = min(pause_after(failures, randomness), _LONGEST_OPEN)
    since = now if breaker is None else breaker.down_since
    return Breaker(failures, since, now + pause, error[:MOST_ERROR])


class Turns:
    """Lets a bounded number of calls to each target through at once."""

    def __init__(self, most: int = _MOST_CALLS, patience: timedelta = PATIENCE) -> None:
        self._most = most
        self._patience = patience.total_seconds()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._asking: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, target: str) -> AsyncIterator[None]:
        """Wait for a turn at a target, and have it. Raises TargetBusyError after `patience`."""
        semaphore = self._turns.setdefault(target, asyncio.Semaphore(self._most))
        self._asking[target] = self._asking.get(target, 0) + 1
        try:
            await self._take(semaphore)
            try:
                yield
            finally:
                semaphore.release()
        finally:
            self._asking[target] -= 1
            if not self._asking[target]:
                del self._asking[target], self._turns[target]

    async def _take(self, semaphore: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await semaphore.acquire()
        except TimeoutError:
            raise TargetBusyError(
                "Too many requests wait for this target at this moment. Send the request again later."
            ) from None
