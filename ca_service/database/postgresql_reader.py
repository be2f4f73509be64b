"""Reads of one turn of the event loop travel together, on one session: one packet out, one wake-up back."""

import asyncio
import logging
from typing import NamedTuple

from ca_service.database.port import Row
from ca_service.database.postgresql_session import DRIVER_ERRORS, Sessions, translate
from ca_service.database.postgresql_wire import Command, Wire
from ca_service.kernel.errors import KeywrightError, UnavailableError

_LOG = logging.getLogger(__name__)

_GROUP_LIMIT = 64


class _Pending(NamedTuple):
    command: Command
    answer: "asyncio.Future[list[Row]]"


class PostgresqlReader:
    """Reads for concurrent callers; each is told of its own read only."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._loop = asyncio.get_running_loop()
        self._pending: list[_Pending] = []
        self._running: set[asyncio.Task[None]] = set()

    async def read(self, command: Command) -> list[Row]:
        """Return the rows. Raises what the driver's error means."""
        if not self._pending:
            self._loop.call_soon(self._start_group)
        answer: asyncio.Future[list[Row]] = self._loop.create_future()
        self._pending.append(_Pending(command, answer))
        if len(self._pending) == _GROUP_LIMIT:
            self._start_group()
        return await answer

    async def close(self) -> None:
        """Wait until everybody was told."""
        await asyncio.gather(*self._running)

    def _start_group(self) -> None:
        group, self._pending = self._pending, []
        if group:
            task = self._loop.create_task(self._read_group(group))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _read_group(self, group: list[_Pending]) -> None:
        try:
            session = await self._sessions.take()
            try:
                await self._read_together(session, group)
            finally:
                await self._sessions.give_back(session)
        except KeywrightError as error:
            _refuse(group, error)
        except Exception:  # noqa: BLE001 - whoever waits must be told, whatever it was
            _LOG.exception("a group of reads was lost")
            _refuse(group, UnavailableError("The database cannot do this now; try again."))

    async def _read_together(self, session: Wire, group: list[_Pending]) -> None:
        try:
            results = await session.run([read.command for read in group])
        except DRIVER_ERRORS as error:
            if session.is_lost or len(group) == 1:
                _refuse(group, translate(error))
                return
        else:
            for read, result in zip(group, results, strict=True):
                if not read.answer.done():
                    read.answer.set_result(session.rows(result))
            return
        # One of them is bad, and the server ran none of those behind it.
        for read in group:
            await self._read_together(session, [read])


def _refuse(group: list[_Pending], error: KeywrightError) -> None:
    for read in group:
        if not read.answer.done():
            # Raising adds a traceback to an error, so each caller gets one of its own.
            read.answer.set_exception(error if len(group) == 1 else UnavailableError(error.detail))
