"""Hears of changes in other processes, and keeps the clock beside the server's."""

import asyncio
import contextlib
import logging

from psycopg import AsyncConnection, Error
from psycopg.rows import TupleRow

from ca_service.database.engine_clock import EngineClock
from ca_service.database.postgresql_session import connect, keep_clock, read_clock
from ca_service.database.url import PostgresqlUrl
from ca_service.kernel.clock import Clock, to_microseconds
from ca_service.kernel.errors import UnavailableError

_LOG = logging.getLogger(__name__)

#: A silent listener is checked this often, and is not believed once it was silent for longer than a second.
_HEARTBEAT_SECONDS = 0.5
_SILENCE_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_CLOCK_SECONDS = 10.0
_RECONNECT_SECONDS = 0.5


class PostgresqlListener:
    """Counts announcements on a connection of its own."""

    def __init__(
        self,
        place: PostgresqlUrl,
        clock: Clock,
        engine_clock: EngineClock,
        connection: AsyncConnection[TupleRow],
        *,
        follows_server_clock: bool,
    ) -> None:
        self._place = place
        self._clock = clock
        self._engine_clock = engine_clock
        self._follows_server_clock = follows_server_clock
        self._clock_read_at = clock.monotonic()
        self._changes = 0
        self._heard_at: float | None = None
        self._connection: AsyncConnection[TupleRow] | None = connection
        self._task = asyncio.get_running_loop().create_task(self._listen(), name="postgresql-listener")

    def change_hint(self) -> int | None:
        """Return the number of changes heard of; None while another process's change may go unheard."""
        if self._heard_at is None or self._clock.monotonic() - self._heard_at > _SILENCE_SECONDS:
            return None
        return self._changes

    def change(self) -> None:
        """Count a change of this process's own."""
        self._changes += 1

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._connection is not None:
            await self._connection.close()

    async def _listen(self) -> None:
        while True:
            try:
                if self._connection is None:
                    self._connection = await connect(self._place)
                await self._listen_on(self._connection)
            except (Error, UnavailableError, TimeoutError, OSError) as error:
                _LOG.warning("not hearing of changes at %s (%s)", self._place.shown, type(error).__name__)
            self._heard_at = None
            if self._connection is not None:
                await self._connection.close()
                self._connection = None
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen_on(self, connection: AsyncConnection[TupleRow]) -> None:
        await connection.execute("LISTEN keywright_changes")
        # What was announced while nobody listened is not known.
        self._changes += 1
        self._heard_at = self._clock.monotonic()
        while True:
            await self._read_clock(connection)
            async for _ in connection.notifies(timeout=_HEARTBEAT_SECONDS):
                self._changes += 1
            async with asyncio.timeout(_ANSWER_SECONDS):
                started = self._clock.monotonic()
                await connection.execute("SELECT 1")
            self._heard_at = started

    async def _read_clock(self, connection: AsyncConnection[TupleRow]) -> None:
        now = self._clock.monotonic()
        if now - self._clock_read_at < _CLOCK_SECONDS:
            return
        async with asyncio.timeout(_ANSWER_SECONDS):
            if self._follows_server_clock:
                self._engine_clock.follow(await read_clock(connection))
            kept = await keep_clock(connection, self._highest())
            if kept is not None and self._engine_clock.follow_kept(*kept):
                # We may just have kept a time that nobody believes any more.
                await keep_clock(connection, self._highest(), is_lower=True)
        self._clock_read_at = now

    def _highest(self) -> int:
        self._engine_clock.now()
        return to_microseconds(self._engine_clock.highest)
