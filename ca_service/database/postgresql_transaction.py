"""A unit of work on PostgreSQL: BEGIN and what nobody waits for travel with the next statement."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg import errors
from psycopg.pq.abc import PGresult

from ca_service.database.port import Row, Value
from ca_service.database.postgresql_session import DRIVER_ERRORS, translate
from ca_service.database.postgresql_wire import BEGIN, COMMIT, NOTIFY, ROLLBACK, Command, Wire, command_of
from ca_service.database.statement import Statement
from ca_service.kernel.errors import UnavailableError


class PostgresqlTransaction:
    """What a unit of work is handed; of no use once the unit has ended."""

    __slots__ = (
        "_count_wait",
        "_has_begun",
        "_is_open",
        "_now",
        "_otherwise",
        "_sent",
        "_session",
        "actions",
        "announces",
        "failure",
    )

    def __init__(self, session: Wire, now: datetime, count_wait: Callable[[], None]) -> None:
        self._session = session
        self._now = now
        self._count_wait = count_wait
        #: What travels with the next statement that is waited for.
        self._sent: list[Command] = []
        #: What to raise if one of these finds no row, by its place among them.
        self._otherwise: dict[int, Callable[[], Exception]] = {}
        self._has_begun = False
        self._is_open = True
        self.actions: list[Callable[[], None]] = []
        self.announces = False
        self.failure: Exception | None = None

    @property
    def now(self) -> datetime:
        return self._now

    async def execute(self, statement: Statement, /, **parameters: Value) -> int:
        return (await self._run(statement, parameters)).command_tuples or 0

    def send(self, statement: Statement, /, **parameters: Value) -> None:
        self._sent.append(self._command(statement, parameters))

    def require(
        self, statement: Statement, otherwise: Callable[[], Exception], /, **parameters: Value
    ) -> None:
        command = self._command(statement, parameters, is_required=True)
        self._otherwise[len(self._sent)] = otherwise
        self._sent.append(command)

    async def fetch_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        rows = self._session.rows(await self._run(statement, parameters))
        return rows[0] if rows else None

    async def fetch_all(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return self._session.rows(await self._run(statement, parameters))

    def on_commit(self, action: Callable[[], None]) -> None:
        self.actions.append(action)

    def announce(self) -> None:
        self.announces = True

    async def commit(self) -> None:
        """Return once everything is durable. Raises what went wrong earlier, or UnavailableError."""
        self._is_open = False
        if self.failure is not None:
            raise self.failure
        if self.announces:
            self._sent.append(NOTIFY)
        elif not self._has_begun and not self._sent:
            return
        results = await self._wait_for(COMMIT)
        # The server answers COMMIT of a transaction that has failed with a rollback and no error.
        if results[-1].command_status != b"COMMIT":
            raise UnavailableError("The database gave the transaction up; try again.")

    async def roll_back(self) -> None:
        """Leave nothing behind; a session that cannot even do this is not used again."""
        self._is_open = False
        if (
            self._has_begun
            and self._session.is_quiet
            and not (self._session.is_lost or self._session.is_idle)
        ):
            try:
                await self._session.run([ROLLBACK])
            except DRIVER_ERRORS:
                await self._session.close()

    def _command(
        self, statement: Statement, parameters: dict[str, Any], *, is_required: bool = False
    ) -> Command:
        if not self._is_open:
            raise RuntimeError("this transaction has ended")
        if self.failure is not None:
            raise RuntimeError("a statement failed before: end the unit of work") from self.failure
        try:
            return command_of(statement, statement.bind_postgresql(parameters), is_required=is_required)
        except DRIVER_ERRORS as error:
            self.failure = translate(error)
            raise self.failure from None

    async def _run(self, statement: Statement, parameters: dict[str, Any]) -> PGresult:
        return (await self._wait_for(self._command(statement, parameters)))[-1]

    async def _wait_for(self, command: Command) -> list[PGresult]:
        """Send everything up to `command` at once. Raises what the first failure means."""
        before = [] if self._has_begun else [BEGIN]
        commands = [*before, *self._sent, command]
        otherwise, self._otherwise = self._otherwise, {}
        self._has_begun = True
        self._sent.clear()
        self._count_wait()
        try:
            return await self._session.run(commands)
        except DRIVER_ERRORS as error:
            unmet = otherwise.get(self._session.failed_at - len(before))
            if unmet is not None and isinstance(error, errors.DivisionByZero):
                self.failure = unmet()
            else:
                self.failure = translate(error)
            raise self.failure from None
