"""SQLite as the embedded default: WAL, every commit on the disk, one writing connection per process.

Point reads run inline on the event loop (a few microseconds) on a connection of their own; reads that may
scan run in a thread.
"""

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from ca_service.config import ConfigError
from ca_service.database.engine_clock import NOTHING_KEPT, EngineClock
from ca_service.database.kept_clock import keep_acceptance
from ca_service.database.port import Row, Transaction, Value
from ca_service.database.sqlite_connection import (
    connect,
    read_announcements,
    refuse_network_filesystem,
    translate,
)
from ca_service.database.sqlite_writer import SqliteWriter
from ca_service.database.statement import Statement
from ca_service.kernel.clock import Clock
from ca_service.kernel.errors import UnavailableError

T = TypeVar("T")

_SCANNERS = 2
_HIGHEST_TIME = "SELECT at, accepted_at FROM database_clock WHERE id = 1"


class SqliteDatabase:
    """One SQLite file, bound to the event loop on which it was opened."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = EngineClock(clock)
        self._loop = asyncio.get_running_loop()
        self._hint: int | None = None
        self.waits = 0
        self._writer = SqliteWriter(path, self._clock, self._forget_hint)
        self._reader = connect(path, writes=False, busy_seconds=1)
        self._cursor = self._reader.cursor()
        self._look_at_clock()
        self._scan_threads = ThreadPoolExecutor(_SCANNERS, thread_name_prefix="sqlite-scan")
        self._idle_scanners: deque[sqlite3.Connection] = deque()
        self._scanners: list[sqlite3.Connection] = []
        self._is_closed = False

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> "SqliteDatabase":
        """Open or create the file. Raises ConfigError, naming the file, if that cannot be."""
        refuse_network_filesystem(path)
        try:
            # The write-ahead log and its index take their modes from this file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            return cls(path, clock)
        except OSError as error:
            raise ConfigError(f"cannot open the database {path}: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"cannot open the database {path}: {error}") from error

    def now(self) -> datetime:
        return self._clock.now()

    def clock_reading(self) -> datetime:
        return self._clock.reading()

    def clock_doubt(self) -> str | None:
        if self._clock.doubt() is None:
            return None
        # Another process may have been told that time is right.
        self._look_at_clock()
        return self._clock.doubt()

    def expiry_doubt(self) -> str | None:
        return self.clock_doubt() or self._clock.doubt_of_expiry()

    async def accept_clock(self, transaction: Transaction) -> datetime:
        return await keep_acceptance(transaction, self._clock)

    def change_hint(self) -> int | None:
        """Return the number of announcements, as of this turn of the event loop at the latest."""
        if self._hint is None:
            try:
                self._hint = read_announcements(self._cursor)
            except sqlite3.Error:
                return None
            # What arrives from now on is read in a later turn.
            self._loop.call_soon(self._forget_hint)
        return self._hint

    async def read_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        rows = self._read(statement, parameters)
        return rows[0] if rows else None

    async def read(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return self._read(statement, parameters)

    async def scan(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        self._refuse_misuse()
        self.waits += 1
        bound = statement.bind_sqlite(parameters)
        return await asyncio.get_running_loop().run_in_executor(
            self._scan_threads, self._scan, statement.sqlite, bound
        )

    async def append(self, statement: Statement, /, **parameters: Value) -> bool:
        self.waits += 1
        return await self._writer.append(statement, parameters)

    async def begin(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self.waits += 1
        return cast("T", await self._writer.begin(work))

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await self._writer.close()
        for connection in self._scanners:
            connection.interrupt()
        self._scan_threads.shutdown()
        for connection in (*self._scanners, self._reader):
            connection.close()

    def _read(self, statement: Statement, parameters: dict[str, Value]) -> list[Row]:
        if self._is_closed or self._writer.is_driving:
            self._refuse_misuse()
        self.waits += 1
        try:
            # Read to the end at once: an open statement would pin the write-ahead log.
            return self._cursor.execute(statement.sqlite, statement.bind_sqlite(parameters)).fetchall()
        except sqlite3.Error as error:
            raise translate(error) from error

    def _forget_hint(self) -> None:
        self._hint = None

    def _refuse_misuse(self) -> None:
        if self._is_closed:
            raise UnavailableError("The service is stopping; try again.")
        if self._writer.is_driving:
            raise RuntimeError("a unit of work awaits nothing but its transaction")

    def _scan(self, sql: str, bound: dict[str, Any]) -> list[Row]:
        try:
            connection = self._idle_scanners.pop() if self._idle_scanners else self._open_scanner()
            try:
                return connection.execute(sql, bound).fetchall()
            finally:
                self._idle_scanners.append(connection)
        except sqlite3.Error as error:
            raise translate(error) from error

    def _open_scanner(self) -> sqlite3.Connection:
        connection = connect(self._path, writes=False, busy_seconds=5)
        self._scanners.append(connection)
        return connection

    def _look_at_clock(self) -> None:
        try:
            rows = self._cursor.execute(_HIGHEST_TIME).fetchall()
        except sqlite3.OperationalError:
            # Not migrated yet.
            return
        self._clock.follow_kept(*(rows[0] if rows else NOTHING_KEPT))
