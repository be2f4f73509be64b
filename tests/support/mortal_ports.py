"""The ports to our database and to a target, with a place to die before and after whatever goes through them.

Nothing is patched: what is made over them is handed these instead of the real ones, which do all the work.
Before a read of ours nothing has changed since the place before, so that there is only one after it.
"""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import Statement
from ca_service.egress.target import TargetEgress
from ca_service.egress.target_place import PostgresqlPlace
from ca_service.egress.target_session import TargetRow, TargetSession
from ca_service.kernel.secret_value import SecretValue

T = TypeVar("T")

_TABLE = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM|FROM) \"?(\w+)")
_FUNCTION = re.compile(r"SELECT (?:pg_catalog\.)?(\w+)\(")


class Fate:
    """Counts boundaries once it is armed, and kills this process at the one that it was told."""

    def __init__(self, until: int | str, tell: Callable[[str], None]) -> None:
        self._until = until
        self._tell = tell
        self._passed = 0
        self._is_armed = False

    def arm(self) -> None:
        """Count from here on."""
        self._is_armed = True

    def at(self, name: str) -> None:
        """Die here, if this is the boundary."""
        if self._is_reached(name):
            _die()

    def soon(self, name: str) -> None:
        """Die at the next turn of the event loop, if this is the boundary."""
        if self._is_reached(name):
            asyncio.get_running_loop().call_soon(_die)

    def _is_reached(self, name: str) -> bool:
        if not self._is_armed:
            return False
        self._passed += 1
        if self._until not in (self._passed, name):
            return False
        self._tell(json.dumps({"died_at": name}))
        return True


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class MortalTransaction:
    """A transaction of our database; `written` tells what it changes."""

    def __init__(self, transaction: Transaction, fate: Fate) -> None:
        self._transaction = transaction
        self._fate = fate
        self.written: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    async def execute(self, statement: Statement, /, **parameters: Value) -> int:
        return await self._between(statement, self._transaction.execute(statement, **parameters))

    async def fetch_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        return await self._between(statement, self._transaction.fetch_one(statement, **parameters))

    async def fetch_all(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return await self._between(statement, self._transaction.fetch_all(statement, **parameters))

    def send(self, statement: Statement, /, **parameters: Value) -> None:
        name = self._begin(statement)
        self._transaction.send(statement, **parameters)
        self._fate.at(f"after {name}")

    def require(
        self, statement: Statement, otherwise: Callable[[], Exception], /, **parameters: Value
    ) -> None:
        name = self._begin(statement)
        self._transaction.require(statement, otherwise, **parameters)
        self._fate.at(f"after {name}")

    async def _between(self, statement: Statement, doing: Awaitable[T]) -> T:
        name = self._begin(statement)
        answer = await doing
        self._fate.at(f"after {name}")
        return answer

    def _begin(self, statement: Statement) -> str:
        name = _name_of(statement)
        if not _is_read(name):
            self.written.add(name)
            self._fate.at(f"before {name}")
        return name


class MortalDatabase:
    """Our database."""

    def __init__(self, database: Database, fate: Fate) -> None:
        self._database = database
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def read_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        return await self._between(statement, self._database.read_one(statement, **parameters))

    async def read(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return await self._between(statement, self._database.read(statement, **parameters))

    async def scan(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return await self._between(statement, self._database.scan(statement, **parameters))

    async def append(self, statement: Statement, /, **parameters: Value) -> bool:
        return await self._between(statement, self._database.append(statement, **parameters))

    async def begin(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        name = "COMMIT"
        self._fate.at("before BEGIN")

        async def watched(transaction: Transaction) -> T:
            nonlocal name
            mortal: Any = MortalTransaction(transaction, self._fate)
            answer = await work(mortal)
            leases = sorted(each for each in mortal.written if each.endswith("dynamic_leases"))
            name = " ".join(["COMMIT", *leases])
            self._fate.at(f"before {name}")
            self._fate.soon(f"during {name}")
            return answer

        answer = await self._database.begin(watched)
        self._fate.at(f"after {name}")
        return answer

    async def _between(self, statement: Statement, doing: Awaitable[T]) -> T:
        name = _name_of(statement)
        if not _is_read(name):
            self._fate.at(f"before {name}")
        answer = await doing
        self._fate.at(f"after {name}")
        return answer


class MortalSession:
    """A session at a target; one may die there while a statement is on its way, too."""

    def __init__(self, session: TargetSession, fate: Fate) -> None:
        self._session = session
        self._fate = fate

    @property
    def server_version(self) -> int:
        return self._session.server_version

    def verifier(self, password: SecretValue[str]) -> str:
        return self._session.verifier(password)

    async def run(self, text: str) -> None:
        await self._between(text, lambda: self._session.run(text))

    async def rows(self, text: str, *values: str) -> list[TargetRow]:
        return await self._between(text, lambda: self._session.rows(text, *values))

    async def _between(self, text: str, act: Callable[[], Awaitable[T]]) -> T:
        name = f"target's {_name_of_text(text)}"
        self._fate.at(f"before {name}")
        sending = asyncio.ensure_future(act())
        # Its first step sends the statement.
        await asyncio.sleep(0)
        self._fate.at(f"during {name}")
        answer = await sending
        self._fate.at(f"after {name}")
        return answer


class MortalWay:
    """The way to targets."""

    def __init__(self, way: TargetEgress, fate: Fate) -> None:
        self._way = way
        self._fate = fate

    @asynccontextmanager
    async def postgresql(self, place: PostgresqlPlace) -> AsyncIterator[TargetSession]:
        self._fate.at("before target's session")
        async with self._way.postgresql(place) as session:
            self._fate.at("after target's session")
            yield MortalSession(session, self._fate)
            self._fate.at("before target's DISCARD ALL")
        self._fate.at("after target's DISCARD ALL")

    def fill(self, template: str, names: Mapping[str, str], texts: Mapping[str, str]) -> str:
        return self._way.fill(template, names, texts)


def _is_read(name: str) -> bool:
    return name.startswith("FROM")


def _name_of(statement: Statement) -> str:
    """Return a short name of one of our statements: what it does to which table."""
    found = _TABLE.search(" ".join(statement.sqlite.split()))
    assert found is not None, statement.sqlite
    return f"{found[1]} {found[2]}"


def _name_of_text(text: str) -> str:
    """Return a short name of what a target is told."""
    table = _TABLE.search(text.replace("pg_catalog.", ""))
    if table is not None:
        return f"{table[1]} {table[2]}"
    function = _FUNCTION.match(text)
    if function is not None:
        return function[1]
    return " ".join(text.split()[:2]) + (" NOLOGIN" if text.endswith("NOLOGIN") else "")
