"""Runs timers in one process at a time: whoever holds the lease runs them all, first soon after taking it."""

import asyncio
import contextlib
import logging
from datetime import timedelta

from ca_service.database.port import Database, Transaction
from ca_service.kernel.clock import Clock
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.identifiers import Identifiers
from ca_service.queue.jobs import TimedTask, TimedTasks
from ca_service.queue.storage import end_lease, read_lease, take_lease

_LOG = logging.getLogger(__name__)

_NAME = "timers"
#: A process that dies leaves the timers to another after this time.
_LEASE = timedelta(seconds=15)
_RENEW_SECONDS = 5.0


class TimerRunner:
    """Keeps trying to hold the lease of the timers, and runs them while it does."""

    def __init__(
        self, database: Database, timers: TimedTasks, clock: Clock, identifiers: Identifiers
    ) -> None:
        self._database = database
        self._timers = timers
        self._clock = clock
        self._owner = identifiers.new("run")
        self._held_until = float("-inf")
        self._busy: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_leading(self) -> bool:
        """Tell whether this process may run timers now, by its monotonic clock."""
        return self._clock.monotonic() < self._held_until

    def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._lead(), name="timers")

    async def stop(self, grace: timedelta) -> None:
        """Start no timer any more, wait for those that run, and let another process take over."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        busy = set(self._busy)
        if busy:
            _, late = await asyncio.wait(busy, timeout=grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self.is_leading:
            self._held_until = float("-inf")
            with contextlib.suppress(KeywrightError):
                await self._database.begin(lambda transaction: end_lease(transaction, _NAME, self._owner))

    async def try_to_lead(self) -> bool:
        """Take or prolong the lease, and tell whether this process holds it."""
        held = await read_lease(self._database, _NAME)
        if held is not None and held[0] != self._owner and held[1] > self._database.now():
            return False

        async def take(transaction: Transaction) -> bool:
            return await take_lease(transaction, _NAME, self._owner, transaction.now + _LEASE)

        # Counted from before the transaction, so that we stop believing first.
        asked_at = self._clock.monotonic()
        is_ours = await self._database.begin(take)
        self._held_until = asked_at + _LEASE.total_seconds() if is_ours else float("-inf")
        return is_ours

    async def _lead(self) -> None:
        loops: list[asyncio.Task[None]] = []
        try:
            while True:
                try:
                    await self.try_to_lead()
                except KeywrightError as error:
                    _LOG.warning("the lease of the timers cannot be kept (%s)", error.slug)
                if self.is_leading and not loops:
                    loops = [asyncio.create_task(self._repeat(timer)) for timer in self._timers]
                elif not self.is_leading and loops:
                    await _cancel(loops)
                    loops = []
                await asyncio.sleep(_RENEW_SECONDS)
        finally:
            await _cancel(loops)

    async def _repeat(self, timer: TimedTask) -> None:
        """Run one timer again and again; cancelling this does not interrupt a run."""
        while True:
            started = self._clock.monotonic()
            if self.is_leading:
                run = asyncio.create_task(_run(timer), name=f"timer-{timer.name}")
                self._busy.add(run)
                run.add_done_callback(self._busy.discard)
                await asyncio.shield(run)
            took = self._clock.monotonic() - started
            await asyncio.sleep(max(timer.every.total_seconds() - took, 0.0))


async def _run(timer: TimedTask) -> None:
    try:
        await timer.run()
    except Exception as error:  # noqa: BLE001 - one failed run must not end the timer
        slug = error.slug if isinstance(error, KeywrightError) else type(error).__name__
        _LOG.error("timer %s failed (%s)", timer.name, slug, exc_info=error)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
