"""PostgreSQL for production: held sessions, prepared statements, binary values, one clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from ca_service.database.engine_clock import NOTHING_KEPT, EngineClock
from ca_service.database.kept_clock import keep_acceptance
from ca_service.database.port import Row, Transaction, Value
from ca_service.database.postgresql_appender import PostgresqlAppender
from ca_service.database.postgresql_listener import PostgresqlListener
from ca_service.database.postgresql_reader import PostgresqlReader
from ca_service.database.postgresql_session import (
    DRIVER_ERRORS,
    Sessions,
    connect,
    read_clock,
    read_kept_clock,
    translate,
)
from ca_service.database.postgresql_transaction import PostgresqlTransaction
from ca_service.database.postgresql_wire import Command, command_of
from ca_service.database.statement import Statement
from ca_service.database.url import PostgresqlUrl
from ca_service.kernel.clock import Clock
from ca_service.kernel.errors import UnavailableError

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class PostgresqlDatabase:
    """One database of one server, bound to the event loop on which it was opened."""

    dialect: Literal["postgresql"] = "postgresql"

    def __init__(
        self,
        place: PostgresqlUrl,
        clock: Clock,
        connections: int,
        listening: AsyncConnection[TupleRow],
        server_time: datetime | None,
        kept: tuple[int, int | None] | None,
    ) -> None:
        self._clock = EngineClock(clock)
        if server_time is not None:
            self._clock.follow(server_time)
        self._clock.follow_kept(*(kept or NOTHING_KEPT))
        self._sessions = Sessions(place, connections)
        self._appender = PostgresqlAppender(self._sessions)
        self._reader = PostgresqlReader(self._sessions)
        self._listener = PostgresqlListener(
            place, clock, self._clock, listening, follows_server_clock=server_time is not None
        )
        self._running: set[asyncio.Task[Any]] = set()
        self._is_closed = False
        self.waits = 0

    @classmethod
    async def open(
        cls, place: PostgresqlUrl, clock: Clock, *, connections: int = 8, follows_server_clock: bool = True
    ) -> "PostgresqlDatabase":
        """Connect and take over the server's time. Raises UnavailableError if it does not answer.

        Without `follows_server_clock` the time is `clock` alone: for tests that decide what time it is.
        """
        listening = await connect(place)
        try:
            server_time = await read_clock(listening)
            kept = await read_kept_clock(listening)
        except BaseException as error:
            await listening.close()
            if isinstance(error, DRIVER_ERRORS):
                raise translate(error) from None
            raise
        return cls(place, clock, connections, listening, server_time if follows_server_clock else None, kept)

    @property
    def clock_offset_seconds(self) -> float:
        """Return how far the server's clock is ahead of this process's (S23)."""
        return self._clock.offset.total_seconds()

    def now(self) -> datetime:
        return self._clock.now()

    def clock_reading(self) -> datetime:
        return self._clock.reading()

    def clock_doubt(self) -> str | None:
        return self._clock.doubt()

    def expiry_doubt(self) -> str | None:
        return self._clock.doubt_of_expiry()

    async def accept_clock(self, transaction: Transaction) -> datetime:
        return await keep_acceptance(transaction, self._clock)

    def change_hint(self) -> int | None:
        return self._listener.change_hint()

    async def read_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        rows = await self.read(statement, **parameters)
        return rows[0] if rows else None

    async def read(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        self._count_wait()
        return await self._reader.read(_command(statement, parameters))

    async def scan(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        command = _command(statement, parameters)
        session = await self._sessions.take()
        try:
            self._count_wait()
            return session.rows((await session.run([command]))[0])
        except DRIVER_ERRORS as error:
            raise translate(error) from None
        finally:
            await self._sessions.give_back(session)

    async def append(self, statement: Statement, /, **parameters: Value) -> bool:
        self._count_wait()
        return await self._appender.append(statement, parameters)

    async def begin(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self._is_closed:
            raise UnavailableError("The service is stopping; try again.")
        task = asyncio.get_running_loop().create_task(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._appender.close()
        await self._listener.close()
        await self._sessions.close()
        await self._reader.close()

    async def _transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        session = await self._sessions.take()
        try:
            transaction = PostgresqlTransaction(session, self._clock.now(), self._count_wait)
            try:
                answer = await work(transaction)
                await transaction.commit()
            except BaseException:
                await transaction.roll_back()
                raise
        finally:
            await self._sessions.give_back(session)
        if transaction.announces:
            self._listener.change()
        for action in transaction.actions:
            try:
                action()
            except Exception:  # noqa: BLE001 - the transaction is durable: its caller must be answered
                _LOG.exception("an on_commit action raised")
        return answer

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # A caller that was cancelled asks no more; this keeps the loop from complaining.
            task.exception()

    def _count_wait(self) -> None:
        self.waits += 1


def _command(statement: Statement, parameters: dict[str, Value]) -> Command:
    try:
        return command_of(statement, statement.bind_postgresql(parameters))
    except DRIVER_ERRORS as error:
        raise translate(error) from None
