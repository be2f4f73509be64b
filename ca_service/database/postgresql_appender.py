"""Group commit of single rows: one writer sends what waits as one transaction."""

import asyncio
import logging
from collections import deque
from typing import Any, NamedTuple

from psycopg.pq.abc import PGresult

from ca_service.database.postgresql_session import DRIVER_ERRORS, Sessions, translate
from ca_service.database.postgresql_wire import Command, Wire, command_of
from ca_service.database.statement import Statement
from ca_service.kernel.errors import KeywrightError, UnavailableError

_LOG = logging.getLogger(__name__)

_GROUP_LIMIT = 256


class _Pending(NamedTuple):
    command: Command
    answer: "asyncio.Future[bool]"


class PostgresqlAppender:
    """Appends rows of concurrent callers; each is told of its own row only."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._pending: deque[_Pending] = deque()
        self._wake = asyncio.Event()
        self._is_closing = False
        self._task = asyncio.get_running_loop().create_task(self._append(), name="postgresql-appender")

    async def append(self, statement: Statement, parameters: dict[str, Any]) -> bool:
        """Return whether the row was inserted, once that is durable."""
        if self._is_closing:
            raise UnavailableError("The service is stopping; try again.")
        try:
            command = command_of(statement, statement.bind_postgresql(parameters))
        except DRIVER_ERRORS as error:
            raise translate(error) from None
        answer: asyncio.Future[bool] = self._task.get_loop().create_future()
        self._pending.append(_Pending(command, answer))
        self._wake.set()
        return await answer

    async def close(self) -> None:
        """Append what is waiting, then stop."""
        self._is_closing = True
        self._wake.set()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _append(self) -> None:
        while True:
            if not self._pending:
                if self._is_closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            size = min(len(self._pending), _GROUP_LIMIT)
            group = [self._pending.popleft() for _ in range(size)]
            try:
                await self._append_group(group)
            except KeywrightError as error:
                _refuse(group, error)
            except asyncio.CancelledError:
                _refuse(group, UnavailableError("The service is stopping; try again."))
                raise
            except Exception:  # noqa: BLE001 - the writer must outlive every group
                _LOG.exception("a group of rows was lost")
                _refuse(group, UnavailableError("The database cannot do this now; try again."))

    async def _append_group(self, group: list[_Pending]) -> None:
        session = await self._sessions.take()
        try:
            if len(group) == 1:
                await self._append_alone(session, group[0])
            elif not await self._append_together(session, group):
                for row in group:
                    await self._append_alone(session, row)
        finally:
            await self._sessions.give_back(session)

    async def _append_together(self, session: Wire, group: list[_Pending]) -> bool:
        """Append all rows in one transaction; False: one of them is bad and nothing was appended."""
        try:
            results = await session.run([row.command for row in group])
        except DRIVER_ERRORS as error:
            if session.is_lost:
                raise translate(error) from None
            return False
        for row, result in zip(group, results, strict=True):
            if not row.answer.done():
                row.answer.set_result(_was_inserted(result))
        return True

    async def _append_alone(self, session: Wire, row: _Pending) -> None:
        try:
            (result,) = await session.run([row.command])
        except DRIVER_ERRORS as error:
            if not row.answer.done():
                row.answer.set_exception(translate(error))
        else:
            if not row.answer.done():
                row.answer.set_result(_was_inserted(result))


def _was_inserted(result: PGresult) -> bool:
    return bool(result.command_tuples)


def _refuse(group: list[_Pending], error: KeywrightError) -> None:
    for row in group:
        if not row.answer.done():
            row.answer.set_exception(UnavailableError(error.detail))
