"""Group commit: units of work that wait at the same time share one COMMIT, and none is answered before it."""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ca_service.database.engine_clock import EngineClock
from ca_service.database.port import Transaction
from ca_service.database.sqlite_connection import FileLock, connect, translate
from ca_service.database.sqlite_transaction import UNIT_ERRORS, SqliteTransaction, drive
from ca_service.database.statement import Statement
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.errors import KeywrightError, UnavailableError

_LOG = logging.getLogger(__name__)

#: Units in one group: they run without a pause, so this bounds how long the event loop stands still.
_GROUP_LIMIT = 64
#: How long a group waits for another process before its members are told to come back.
_LOCK_SECONDS = 10.0

_RAISE_CLOCK = "UPDATE database_clock SET at = max(at, ?) WHERE id = 1 RETURNING at, accepted_at"
_SET_CLOCK = "UPDATE database_clock SET at = ? WHERE id = 1"
_START_CLOCK = "INSERT INTO database_clock (id, at) VALUES (1, 0) ON CONFLICT DO NOTHING"
_HAS_CLOCK = "SELECT 1 FROM pragma_table_info('database_clock') WHERE name = 'accepted_at'"


_Work: TypeAlias = Callable[[Transaction], Awaitable[Any]]


class _Unit(NamedTuple):
    """Somebody's work, or one row to append, and the future in which they wait."""

    work: _Work | None
    row: tuple[Statement, dict[str, Any]] | None
    context: Context | None
    answer: "asyncio.Future[Any]"


class _Done(NamedTuple):
    """What came of a unit, told once the group is durable."""

    unit: _Unit
    value: Any
    error: BaseException | None
    transaction: SqliteTransaction | None


class _GroupLostError(Exception):
    """The transaction around the group has ended before its COMMIT."""


class SqliteWriter:
    """The one writing connection of this process; see the architecture's section 5 for the promises."""

    def __init__(self, path: Path, clock: EngineClock, on_announced: Callable[[], None]) -> None:
        self.is_driving = False
        self._on_announced = on_announced
        self._connection = connect(path, writes=True, busy_seconds=0)
        self._cursor = self._connection.cursor()
        self._path = path
        self._clock = clock
        self._pending: deque[_Unit] = deque()
        self._wake = asyncio.Event()
        self._is_closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-commit")
        self._lock = FileLock(path)
        self._locking: asyncio.Future[None] | None = None
        self._lock_is_wanted = False
        self._keeps_time = self._connection.execute(_HAS_CLOCK).fetchone() is not None
        self._task = asyncio.get_running_loop().create_task(self._write(), name="sqlite-writer")

    async def begin(self, work: _Work) -> Any:
        """Return the work's answer once it is durable; the work belongs to the writer, not to the caller."""
        return await self._submit(work, None, copy_context())

    async def append(self, statement: Statement, parameters: dict[str, Any]) -> bool:
        """Return whether the row was inserted, once that is durable."""
        was_inserted: bool = await self._submit(None, (statement, statement.bind_sqlite(parameters)), None)
        return was_inserted

    async def close(self) -> None:
        """Finish what is waiting, then let go of the file."""
        self._is_closing = True
        self._wake.set()
        await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown(wait=self._locking is None)
        self._connection.close()
        self._lock.close()

    def _submit(
        self,
        work: _Work | None,
        row: tuple[Statement, dict[str, Any]] | None,
        context: Context | None,
    ) -> "asyncio.Future[Any]":
        if self.is_driving:
            raise RuntimeError("a unit of work awaits nothing but its transaction")
        if self._is_closing:
            raise UnavailableError("The service is stopping; try again.")
        answer = self._task.get_loop().create_future()
        self._pending.append(_Unit(work, row, context, answer))
        self._wake.set()
        return answer

    async def _write(self) -> None:
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
                await self._run_group(group)
            except UNIT_ERRORS as error:
                if isinstance(error, asyncio.CancelledError):
                    self._refuse(group, _unavailable("the service is stopping"))
                    raise
                _LOG.exception("a group of transactions was lost")
                self._refuse(group, _unavailable("an unexpected error"))

    async def _run_group(self, group: list[_Unit]) -> None:
        try:
            await self._take_lock()
        except TimeoutError:
            self._refuse(group, _unavailable("another process holds the lock"))
            return
        try:
            now = await self._open_group()
            done = self._run_units(group, now)
            await self._commit(done)
        except (sqlite3.Error, _GroupLostError) as error:
            _LOG.warning("SQLite lost a group of %d transactions: %s", len(group), error)
            known = translate(error) if isinstance(error, sqlite3.Error) else None
            self._refuse(group, known if isinstance(known, UnavailableError) else _unavailable(str(error)))
        else:
            self._answer(done)
        finally:
            self._lock.release()

    async def _open_group(self) -> datetime:
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            # Only a program that knows nothing of our lock (the sqlite3 shell, a backup) can be in the way.
            await self._in_thread(self._begin_patiently)
        now = self._clock.now()
        if self._keeps_time:
            row = self._cursor.execute(_RAISE_CLOCK, (to_microseconds(now),)).fetchall()
            if not row:
                self._cursor.execute(_START_CLOCK)
                row = self._cursor.execute(_RAISE_CLOCK, (to_microseconds(now),)).fetchall()
            was_accepted = self._clock.follow_kept(*row[0])
            now = self._clock.now()
            if was_accepted:
                # We may just have kept a time that nobody believes any more.
                self._cursor.execute(_SET_CLOCK, (to_microseconds(now),))
        return now

    def _begin_patiently(self) -> None:
        self._cursor.execute("PRAGMA busy_timeout = 5000").fetchall()
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        finally:
            self._cursor.execute("PRAGMA busy_timeout = 0").fetchall()

    def _run_units(self, group: list[_Unit], now: datetime) -> list[_Done]:
        done = []
        self.is_driving = True
        try:
            for unit in group:
                done.append(self._append(unit) if unit.work is None else self._run_unit(unit, unit.work, now))
                if not self._connection.in_transaction:
                    raise _GroupLostError(str(done[-1].error))
        finally:
            self.is_driving = False
        return done

    def _append(self, unit: _Unit) -> _Done:
        assert unit.row is not None
        statement, parameters = unit.row
        try:
            inserted = self._cursor.execute(statement.sqlite, parameters).rowcount
        except (sqlite3.Error, OverflowError) as error:
            return _Done(unit, None, translate(error), None)
        return _Done(unit, inserted > 0, None, None)

    def _run_unit(self, unit: _Unit, work: _Work, now: datetime) -> _Done:
        transaction = SqliteTransaction(self._cursor, now)
        self._cursor.execute("SAVEPOINT unit")
        try:
            assert unit.context is not None
            value = unit.context.run(drive, work, transaction)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is its caller's: the writer lives on
            transaction.close()
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK TO unit")
                self._cursor.execute("RELEASE unit")
            return _Done(unit, None, error, None)
        transaction.close()
        self._cursor.execute("RELEASE unit")
        return _Done(unit, value, None, transaction)

    async def _commit(self, done: list[_Done]) -> None:
        if all(one.error is not None for one in done):
            self._cursor.execute("ROLLBACK")
        else:
            await self._in_thread(self._connection.commit)

    def _answer(self, done: list[_Done]) -> None:
        for one in done:
            if one.transaction is not None:
                if one.transaction.announces:
                    self._on_announced()
                _run_actions(one.transaction)
        for one in done:
            # A caller that was cancelled has cancelled its future, and nothing else.
            if one.unit.answer.done():
                continue
            if one.error is None:
                one.unit.answer.set_result(one.value)
            else:
                one.unit.answer.set_exception(one.error)

    def _refuse(self, group: list[_Unit], error: KeywrightError) -> None:
        self._restore_connection()
        for unit in group:
            if not unit.answer.done():
                unit.answer.set_exception(_copy(error))

    def _restore_connection(self) -> None:
        """Leave no transaction open, with a new connection if the old one cannot be trusted to end it."""
        try:
            if self._connection.in_transaction:
                self._connection.rollback()
        except sqlite3.Error:
            _LOG.warning("SQLite could not roll back; its connection is opened anew")
            self._connection.close()
            self._connection = connect(self._path, writes=True, busy_seconds=0)
            self._cursor = self._connection.cursor()

    async def _take_lock(self) -> None:
        """Hold the file lock, waiting for it in the thread. Raises TimeoutError if another keeps it."""
        if self._locking is None:
            if self._lock.take_if_free():
                return
            self._locking = self._in_thread(self._lock.take)
            self._locking.add_done_callback(self._lock_arrived)
        locking = self._locking
        self._lock_is_wanted = True
        try:
            await asyncio.wait_for(asyncio.shield(locking), _LOCK_SECONDS)
        except BaseException:
            # It may have arrived in the very moment in which the waiting ended.
            if locking is not self._locking and locking.exception() is None:
                self._lock.release()
            raise
        finally:
            self._lock_is_wanted = False

    def _lock_arrived(self, locking: "asyncio.Future[None]") -> None:
        self._locking = None
        if not self._lock_is_wanted and locking.exception() is None:
            self._lock.release()

    def _in_thread(self, function: Callable[[], None]) -> "asyncio.Future[None]":
        return self._task.get_loop().run_in_executor(self._thread, function)


def _run_actions(transaction: SqliteTransaction) -> None:
    for action in transaction.actions:
        try:
            action()
        except Exception:  # noqa: BLE001 - the transaction is durable: its caller must be answered
            _LOG.exception("an on_commit action raised")


def _unavailable(reason: str) -> UnavailableError:
    return UnavailableError(f"The database cannot do this now ({reason}); try again.")


def _copy(error: KeywrightError) -> UnavailableError:
    """Return an error of its own for each member, since raising adds a traceback to it."""
    return UnavailableError(error.detail)
