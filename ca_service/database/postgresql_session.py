"""Sessions on a PostgreSQL server: how they are set up, what their errors mean, and who holds which.

The sessions are held in a last-in-first-out list of our own: the usual pool's context manager costs as much
as a read.
"""

import asyncio
import logging
from collections import deque
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.rows import TupleRow

from ca_service.database.errors import StillReferredToError, UniqueViolationError
from ca_service.database.postgresql_wire import Wire
from ca_service.database.url import PostgresqlUrl
from ca_service.kernel.errors import InternalError, KeywrightError, MalformedError, UnavailableError

_LOG = logging.getLogger(__name__)

_CONNECT_SECONDS = 5
#: How long somebody waits for a free session before being told to come back.
_WAIT_SECONDS = 10.0
_SET_UP: LiteralString = (
    "SELECT set_config('synchronous_commit', 'on', false), set_config('statement_timeout', '30s', false),"
    # Statements here are short: compiling one takes longer than running it.
    " set_config('jit', 'off', false),"
    " set_config('lock_timeout', '10s', false),"
    " set_config('idle_in_transaction_session_timeout', '60s', false),"
    # Statements are prepared once and look rows up by their keys: planning them at each call gains nothing.
    " set_config('plan_cache_mode', 'force_generic_plan', false)"
)
_RAISE_CLOCK: LiteralString = (
    "INSERT INTO database_clock (id, at) VALUES (1, %s) ON CONFLICT (id)"
    " DO UPDATE SET at = GREATEST(database_clock.at, excluded.at) RETURNING at, accepted_at"
)
_SET_CLOCK: LiteralString = "UPDATE database_clock SET at = %s WHERE id = 1 RETURNING at, accepted_at"
#: A server that vanished without a word is noticed after a minute.
_KEEPALIVE: dict[str, Any] = {"keepalives_idle": 30, "keepalives_interval": 10, "tcp_user_timeout": 60_000}

#: Classes of SQLSTATE that say "not now": connection, transaction rollback, resources, object in use,
#: operator intervention, system error (PostgreSQL documentation, appendix A).
_UNAVAILABLE = ("08", "40", "53", "55", "57", "58")
_READ_ONLY = "25006"
#: character_not_in_repertoire: PostgreSQL keeps no NUL in a text, whatever column it was meant for.
_NOT_A_TEXT = "22021"


def translate(error: Exception) -> KeywrightError:
    """Return what an error of the driver means; the server's own words are left out, they may hold values."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, errors.UniqueViolation):
        return UniqueViolationError(error.diag.constraint_name or "")
    if isinstance(error, errors.ForeignKeyViolation):
        return StillReferredToError()
    if state == _NOT_A_TEXT:
        return MalformedError("A text holds the character NUL, which cannot be kept.", rule="nul")
    return _unavailable(error, state) or _refused(error, state)


def _unavailable(error: Exception, state: str | None) -> UnavailableError | None:
    if state is None and isinstance(error, psycopg.OperationalError):
        return UnavailableError("The database does not answer; try again.")
    if state is not None and (state.startswith(_UNAVAILABLE) or state == _READ_ONLY):
        return UnavailableError(f"The database cannot do this now (SQLSTATE {state}); try again.")
    return None


def _refused(error: Exception, state: str | None) -> InternalError:
    if isinstance(error, psycopg.Error) and state is not None:
        diag = error.diag
        place = ", ".join(part for part in (diag.table_name, diag.column_name, diag.constraint_name) if part)
        return InternalError(f"PostgreSQL refused a statement: SQLSTATE {state} {place}".rstrip())
    return InternalError(f"the PostgreSQL driver refused a statement: {type(error).__name__}")


#: What a driver's call can raise: its own errors, and those of numbers beyond 64 bits.
DRIVER_ERRORS = (psycopg.Error, OverflowError)


async def connect(place: PostgresqlUrl) -> AsyncConnection[TupleRow]:
    """Return a new connection whose commits wait for the disk. Raises UnavailableError."""
    try:
        connection = await AsyncConnection.connect(
            place.conninfo,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            application_name="keywright",
            **_KEEPALIVE,
        )
    except psycopg.Error as error:
        _LOG.warning("cannot connect to %s (%s)", place.shown, type(error).__name__)
        raise UnavailableError(f"The database {place.shown} does not answer; is it running?") from None
    try:
        await connection.execute(_SET_UP)
    except psycopg.Error as error:
        await connection.close()
        raise translate(error) from None
    except BaseException:
        await connection.close()
        raise
    return connection


async def read_clock(connection: AsyncConnection[TupleRow]) -> datetime:
    """Return the server's time. Raises psycopg.Error."""
    row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


async def read_kept_clock(connection: AsyncConnection[TupleRow]) -> tuple[int, int | None] | None:
    """Return the highest time that is kept and the last acceptance, if any is. Raises psycopg.Error."""
    return await _kept_clock(connection, "SELECT at, accepted_at FROM database_clock WHERE id = 1")


async def keep_clock(
    connection: AsyncConnection[TupleRow], now: int, *, is_lower: bool = False
) -> tuple[int, int | None] | None:
    """Keep `now` if it is higher than what is kept, or in any case; return what is kept then.

    Raises psycopg.Error.
    """
    return await _kept_clock(connection, _SET_CLOCK if is_lower else _RAISE_CLOCK, now)


async def _kept_clock(
    connection: AsyncConnection[TupleRow], sql: LiteralString, *values: int
) -> tuple[int, int | None] | None:
    try:
        row = await (await connection.execute(sql, values)).fetchone()
    except (errors.UndefinedTable, errors.UndefinedColumn):
        # Not migrated yet.
        return None
    return None if row is None else (row[0], row[1])


class Sessions:
    """At most `limit` sessions; the one that was returned last is handed out first, while it is warm."""

    def __init__(self, place: PostgresqlUrl, limit: int) -> None:
        self._place = place
        self._limit = limit
        self._size = 0
        self._idle: list[Wire] = []
        self._open: set[Wire] = set()
        self._waiting: deque[asyncio.Future[Wire | None]] = deque()
        self._returning: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def take(self) -> Wire:
        """Return a session of one's own until it is given back. Raises UnavailableError."""
        while self._idle:
            session = self._idle.pop()
            if session.is_idle:
                return session
            await self._discard(session)
        if self._is_closed:
            raise UnavailableError("The service is stopping; try again.")
        if self._size < self._limit:
            return await self._connect()
        return await self._wait()

    async def give_back(self, session: Wire) -> None:
        """Hand the session to the next in line, or end it if it is broken or in the middle of something."""
        if not session.is_quiet:
            # Its caller was cancelled: whoever is next gets it once the answer has arrived for nobody.
            session.when_quiet(lambda: self._return_later(session))
        elif session.is_lost:
            # The server went away, and the idle ones with it: they would fail one by one.
            for lost in (session, *self._idle):
                await self._discard(lost)
            self._idle.clear()
        elif self._is_closed or not session.is_idle:
            await self._discard(session)
        else:
            self._hand_on(session)

    def _return_later(self, session: Wire) -> None:
        task = asyncio.get_running_loop().create_task(self.give_back(session))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    def _hand_on(self, session: Wire) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(session)
                return
        self._idle.append(session)

    async def close(self) -> None:
        """End all sessions; who still reads is told that the database does not answer."""
        self._is_closed = True
        self._idle.clear()
        for session in tuple(self._open):
            await session.close()
        await asyncio.gather(*self._returning)

    async def _connect(self) -> Wire:
        self._size += 1
        try:
            session = Wire(await connect(self._place))
        except BaseException:
            self._size -= 1
            self._let_next_connect()
            raise
        self._open.add(session)
        return session

    async def _wait(self) -> Wire:
        waiter: asyncio.Future[Wire | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            session = await asyncio.wait_for(asyncio.shield(waiter), _WAIT_SECONDS)
        except TimeoutError:
            if not waiter.cancel():
                return await self._handed(waiter.result())
            raise UnavailableError("All sessions of the database are busy; try again.") from None
        except asyncio.CancelledError:
            if not waiter.cancel():
                handed = waiter.result()
                if handed is None:
                    self._let_next_connect()
                else:
                    await self.give_back(handed)
            raise
        return await self._handed(session)

    async def _handed(self, session: Wire | None) -> Wire:
        return await self.take() if session is None else session

    async def _discard(self, session: Wire) -> None:
        self._size -= 1
        self._open.discard(session)
        self._let_next_connect()
        await session.close()

    def _let_next_connect(self) -> None:
        """Wake one who waits: there is room for a new session now."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
