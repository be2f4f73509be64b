"""One PostgreSQL connection in pipeline mode: a batch of prepared statements out, one wait for the results.

psycopg connects and speaks the protocol; its cursors are left out, since they register with the event loop
anew for every statement and cost two to three times as much as this.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from ca_service.database.port import Row
from ca_service.database.statement import Statement, StatementError

_BINARY = 1
_INT8 = struct.Struct("!q")
_LENGTH = struct.Struct("!i")
#: Dimensions, "holds NULLs", type of the elements; then length and lower bound of the one dimension.
_ARRAY = struct.Struct("!iiIii")
_EMPTY_ARRAY = struct.Struct("!iiI")

_OIDS = {"": 0, "text": 25, "int8": 20, "bytea": 17, "text[]": 1009, "int8[]": 1016}
_Key: TypeAlias = tuple[str, tuple[int, ...]]


class Command(NamedTuple):
    """A prepared statement and the values it is run with, encoded."""

    key: _Key
    values: list[bytes | None]


BEGIN = Command(("BEGIN", ()), [])
COMMIT = Command(("COMMIT", ()), [])
ROLLBACK = Command(("ROLLBACK", ()), [])
NOTIFY = Command(("NOTIFY keywright_changes", ()), [])


def command_of(statement: Statement, bound: list[Any], *, is_required: bool = False) -> Command:
    """Return `statement` with what its `bind_postgresql` gave. Raises StatementError for a wrong type.

    One that is required fails where it finds or changes nothing.
    """
    oids, values = [], []
    for kind, value in zip(statement.postgresql_types, bound, strict=True):
        kind = kind or _kind_of(value)
        oids.append(_OIDS[kind])
        try:
            values.append(None if value is None else _ENCODERS[kind](value))
        except (AttributeError, TypeError, struct.error) as error:
            if isinstance(value, int):
                raise OverflowError("a number is beyond 64 bits") from error
            raise StatementError(f"a parameter of type {kind} is given as {type(value).__name__}") from error
    sql = statement.postgresql_required if is_required else statement.postgresql
    return Command((sql, tuple(oids)), values)


class Wire:
    """One batch at a time; the next may follow as soon as `is_idle`."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self.connection = connection
        self._pg = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._transformer = Transformer(connection)
        self._prepared: dict[_Key, bytes] = {}
        self._next_name = 0
        #: What the next results belong to: the key of a statement that is being prepared, or None.
        self._expected: deque[tuple[_Key, bytes] | None] = deque()
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._results: list[PGresult] = []
        self._error: psycopg.Error | None = None
        #: Which command of the last batch failed first.
        self.failed_at = 0
        self._when_quiet: list[Callable[[], None]] = []
        self.is_lost = False
        self._pg.enter_pipeline_mode()
        self._socket = self._pg.socket
        self._loop.add_reader(self._socket, self._hear)

    @property
    def is_quiet(self) -> bool:
        """Tell whether no answer is on its way."""
        return self._answer is None

    @property
    def is_idle(self) -> bool:
        """Tell whether somebody else can have it: no answer is on its way and no transaction is open."""
        return (
            self._answer is None
            and not self.is_lost
            and self._pg.transaction_status == TransactionStatus.IDLE
        )

    def when_quiet(self, action: Callable[[], None]) -> None:
        """Call `action` once the answer that is on its way has come, or never will."""
        self._when_quiet.append(action)

    async def run(self, commands: Sequence[Command]) -> list[PGresult]:
        """Send `commands` together and return a result for each.

        Outside BEGIN and COMMIT they are one transaction. Raises psycopg.Error, of the first that failed;
        those after it were not run. A caller that is cancelled leaves the answer to arrive for nobody.
        """
        if self.is_lost:
            raise psycopg.OperationalError("the connection is lost")
        if self._answer is not None:
            raise RuntimeError("a session runs one batch at a time")
        try:
            fresh: dict[_Key, bytes] = {}
            for command in commands:
                name = self._prepared.get(command.key) or fresh.get(command.key)
                if name is None:
                    name = fresh[command.key] = self._send_prepare(command.key)
                self._pg.send_query_prepared(name, command.values, [_BINARY] * len(command.values), _BINARY)
                self._expected.append(None)
            self._pg.pipeline_sync()
            self._answer = self._loop.create_future()
            answer = self._answer
            self._flush()
        except psycopg.Error:
            self._lose()
            raise
        return await answer

    def rows(self, result: PGresult) -> list[Row]:
        """Return the rows of a result."""
        if result.ntuples == 0:
            return []
        self._transformer.set_pgresult(result, set_loaders=True, format=psycopg.pq.Format.BINARY)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    async def close(self) -> None:
        """End the connection."""
        self._lose()
        await self.connection.close()

    def _send_prepare(self, key: _Key) -> bytes:
        self._next_name += 1
        name = b"s%d" % self._next_name
        sql, oids = key
        self._pg.send_prepare(name, sql.encode(), oids)
        self._expected.append((key, name))
        return name

    def _flush(self) -> None:
        if self._pg.flush():
            self._loop.add_writer(self._socket, self._flush_more)

    def _flush_more(self) -> None:
        try:
            if not self._pg.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error:
            self._lose()

    def _hear(self) -> None:
        try:
            self._pg.consume_input()
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is not None:
                    self._take(result)
                elif self._answer is None or self._pg.status == ConnStatus.BAD:
                    break
        except psycopg.Error:
            self._lose()

    def _take(self, result: PGresult) -> None:
        status = result.status
        if status == ExecStatus.PIPELINE_SYNC:
            self._finish()
            return
        expected = self._expected.popleft() if self._expected else None
        if status == ExecStatus.FATAL_ERROR:
            if self._error is None:
                self._error, self.failed_at = errors.error_from_result(result), len(self._results)
        elif expected is not None:
            if status == ExecStatus.COMMAND_OK:
                self._prepared[expected[0]] = expected[1]
        else:
            self._results.append(result)

    def _finish(self) -> None:
        answer, results, error = self._answer, self._results, self._error
        self._answer, self._results, self._error = None, [], None
        self._expected.clear()
        # A caller that was cancelled has cancelled its future.
        if answer is not None and not answer.done():
            if error is None:
                answer.set_result(results)
            else:
                answer.set_exception(error)
        self._tell_quiet()

    def _lose(self) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        if self._answer is not None:
            self._error = psycopg.OperationalError("the connection was lost")
            self._finish()

    def _tell_quiet(self) -> None:
        actions, self._when_quiet = self._when_quiet, []
        for action in actions:
            action()


def _kind_of(value: Any) -> str:
    """Return how a value of a parameter without a type travels."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, int):
        return "int8"
    return "bytea" if isinstance(value, bytes) else ""


def _encode_array(oid: int, values: list[bytes]) -> bytes:
    if not values:
        return _EMPTY_ARRAY.pack(0, 0, oid)
    head = _ARRAY.pack(1, 0, oid, len(values), 1)
    return head + b"".join(_LENGTH.pack(len(value)) + value for value in values)


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "text": str.encode,
    "int8": _INT8.pack,
    "bytea": bytes,
    "text[]": lambda values: _encode_array(_OIDS["text"], [value.encode() for value in values]),
    "int8[]": lambda values: _encode_array(_OIDS["int8"], [_INT8.pack(value) for value in values]),
}
