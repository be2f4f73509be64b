"""A unit of work on SQLite: one member of a group, in a savepoint of its own."""

import sqlite3
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from ca_service.database.port import Row, Transaction, Value
from ca_service.database.sqlite_connection import count_announcement, translate
from ca_service.database.statement import Statement
from ca_service.kernel.errors import UnavailableError

T = TypeVar("T")


class SqliteTransaction:
    """What a unit of work is handed; of no use once the unit has ended."""

    __slots__ = ("_cursor", "_is_open", "_now", "actions", "announces", "failure")

    def __init__(self, cursor: sqlite3.Cursor, now: datetime) -> None:
        self._cursor = cursor
        self._now = now
        self._is_open = True
        self.actions: list[Callable[[], None]] = []
        self.announces = False
        self.failure: Exception | None = None

    @property
    def now(self) -> datetime:
        return self._now

    async def execute(self, statement: Statement, /, **parameters: Value) -> int:
        rows = self._run(statement, parameters)
        return len(rows) if statement.returns_rows else self._cursor.rowcount

    def send(self, statement: Statement, /, **parameters: Value) -> None:
        self._run(statement, parameters)

    def require(
        self, statement: Statement, otherwise: Callable[[], Exception], /, **parameters: Value
    ) -> None:
        rows = self._run(statement, parameters)
        if not (rows if statement.returns_rows else self._cursor.rowcount):
            self.failure = otherwise()
            raise self.failure

    async def fetch_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        rows = self._run(statement, parameters)
        return rows[0] if rows else None

    async def fetch_all(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return self._run(statement, parameters)

    def on_commit(self, action: Callable[[], None]) -> None:
        self.actions.append(action)

    def announce(self) -> None:
        self.announces = True

    def close(self) -> None:
        """Refuse every further statement."""
        self._is_open = False

    def count_announcement(self) -> None:
        """Make the announcement part of the transaction. Raises what a statement would."""
        try:
            count_announcement(self._cursor)
        except sqlite3.Error as error:
            raise translate(error) from error

    def _run(self, statement: Statement, parameters: dict[str, Value]) -> list[Row]:
        if not self._is_open:
            raise RuntimeError("this transaction has ended")
        if self.failure is not None:
            # PostgreSQL refuses it, so we do.
            raise RuntimeError("a statement failed before: end the unit of work") from self.failure
        if not self._cursor.connection.in_transaction:
            # Some errors end the transaction around the group; this statement would be committed on its own.
            self.failure = UnavailableError("The database gave the transaction up; try again.")
            raise self.failure
        try:
            cursor = self._cursor.execute(statement.sqlite, statement.bind_sqlite(parameters))
            # A statement left half-read would keep its savepoint from ending.
            return cursor.fetchall() if statement.returns_rows else []
        except (sqlite3.Error, OverflowError) as error:
            self.failure = translate(error)
            raise self.failure from error


def drive(work: Callable[[Transaction], Awaitable[T]], transaction: SqliteTransaction) -> T:
    """Run `work` to its end in one go. Raises what it raises; RuntimeError if it waits for anything else."""
    steps = work(transaction).__await__()
    try:
        next(steps)
    except StopIteration as end:
        answer: T = end.value
    else:
        steps.close()
        raise RuntimeError("a unit of work awaited something other than its transaction")
    if transaction.failure is not None:
        raise transaction.failure
    if transaction.announces:
        transaction.count_announcement()
    return answer


#: What ends a unit of work but not its group.
UNIT_ERRORS = (Exception, CancelledError)
