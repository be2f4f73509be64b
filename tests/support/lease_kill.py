"""Processes that give and end leases at a real target, and are killed at the boundary that they are told.

`python -m tests.support.lease_kill` loads everything once and forks for each order, a line of JSON on its
standard input, before there is any loop, thread or connection; what became of the fork is a line of its
output.
"""

import asyncio
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import psycopg
from msgspec import Struct
from psycopg import sql

from ca_service.database.port import Database
from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.operations import CreateDynamicSecret, CreateLease
from secrets_core.dynamic.providers.postgresql import PostgresqlProvider
from tests.support.databases import open_postgresql, open_sqlite
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.kernel import FakeClock
from tests.support.mortal_ports import Fate, MortalDatabase, MortalWay
from tests.support.target_postgresql import way_to_targets

#: How long those leases live that a job is to end; all others live an hour.
SHORT = timedelta(milliseconds=200)
NEVER = 0
_MOST_LEASES = 10_000


class Order(Struct, frozen=True, kw_only=True):
    """What a process is to do: an act, the time when it does, and where it dies (`NEVER`: not at all).

    `until` is the number of a boundary or the name of one. `config` is that of the target, and at the URLs
    `administrators` somebody may do everything in its databases.
    """

    act: str
    database: str
    config: dict[str, Any]
    administrators: list[str]
    at: datetime
    until: int | str = NEVER


class Fork(Struct, frozen=True):
    """What became of a process: how it ended, where it died, and the leases whose answers it was given."""

    status: int
    died_at: str = ""
    given: list[str] = []
    prefix: str = ""
    error: str = ""

    @property
    def was_killed(self) -> bool:
        """Tell whether it died where it was told to."""
        return self.status == -signal.SIGKILL and self.died_at != ""


class LeaseProcesses:
    """The process that forks; `close` ends it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.lease_kill"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, order: Order) -> Fork:
        """Run one process to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Fork)

    def close(self) -> None:
        """End the process; between two orders it has no fork."""
        self._process.kill()
        self._process.communicate()


class _Life:
    """One process over its own ground, and what it tells whoever asks what became of it."""

    def __init__(self, order: Order, tell: Callable[[str], None]) -> None:
        self.order = order
        self.clock = FakeClock(order.at)
        self.fate = Fate(order.until, tell)
        self._tell = tell

    async def live(self) -> None:
        """Perform the act."""
        database = await _open(self.order.database, self.clock)
        mortal: Any = MortalDatabase(database, self.fate)
        provider = PostgresqlProvider(MortalWay(way_to_targets(), self.fate))
        ground = DynamicGround(mortal, self.clock, provider=provider, most_live_leases=_MOST_LEASES)
        await getattr(self, self.order.act)(ground)
        await database.close()

    async def prepare(self, ground: DynamicGround) -> None:
        """Make what leases are of."""
        await ground.start()
        operation = CreateDynamicSecret(
            project="default",
            environment="dev",
            name="app",
            provider=PostgresqlProvider.name,
            config=SecretValue(msgspec.json.encode(self.order.config)),
        )
        made = await ground.perform(operation)
        self._tell(json.dumps({"prefix": made.account_prefix}))

    async def create(self, ground: DynamicGround) -> None:
        """Give a lease."""
        self.fate.arm()
        self._note(await ground.lease(key=f"create-{self.order.until}"))

    async def create_row_last(self, ground: DynamicGround) -> None:
        """Give a lease in the wrong order: its row is written once the account is made."""
        handler: Any = ground.handlers[CreateLease]
        intend, record, drafts = handler.intend, handler.record, []

        async def put_off(*arguments: Any) -> None:
            drafts.append(arguments[-1])

        async def write_all(transaction: Any, call: Any, done: Any) -> Any:
            await intend(transaction, call, drafts[-1])
            return await record(transaction, call, done)

        handler.intend, handler.record = put_off, write_all
        await self.create(ground)

    async def revoke(self, ground: DynamicGround) -> None:
        """End a lease that was given before, and whose account owns things in two databases."""
        given = await ground.lease()
        self._note(given)
        self._let_own(given.lease.username)
        self.fate.arm()
        await ground.revoke(given.lease.id)

    async def sweep(self, ground: DynamicGround) -> None:
        """End a lease whose time has come, as the job does."""
        self._note(await ground.lease(ttl=SHORT))
        self.clock.advance(SHORT)
        self.fate.arm()
        await ground.sweeper.end_due()

    async def settle(self, ground: DynamicGround) -> None:
        """End all that is due."""
        while await ground.sweeper.end_due():
            pass

    def _let_own(self, account: str) -> None:
        """Let an account own a table in each database where an administrator makes one."""
        for url in self.order.administrators:
            with psycopg.connect(url, autocommit=True) as session:
                table, owner = sql.Identifier("stock", account), sql.Identifier(account)
                session.execute(sql.SQL("CREATE TABLE {} ()").format(table))
                session.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(table, owner))

    def _note(self, given: Any) -> None:
        self._tell(json.dumps({"given": given.lease.username}))


async def _open(url: str, clock: FakeClock) -> Database:
    if url.startswith("sqlite:///"):
        return await open_sqlite(Path(url.removeprefix("sqlite:///")), clock)
    return await open_postgresql(url, clock, connections=2)


def _serve() -> None:
    """Run one process for each line of standard input."""
    for module in ("ca_service.egress.target_wire", "ca_service.database.postgresql"):
        importlib.import_module(module)
    # Whoever collects touches all that is loaded, and each of the forks would copy it.
    gc.disable()
    gc.freeze()
    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=Order)
        told, to_tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            _become(order, to_tell)
        os.close(to_tell)
        with os.fdopen(told, encoding="utf-8") as lines:
            notes = [json.loads(note) for note in lines]
        _, status = os.waitpid(child, 0)
        sys.stdout.buffer.write(msgspec.json.encode(_fork_of(os.waitstatus_to_exitcode(status), notes)))
        sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()


def _fork_of(status: int, notes: list[dict[str, Any]]) -> Fork:
    given = [note.pop("given") for note in notes if "given" in note]
    facts = {name: value for note in notes for name, value in note.items()}
    return Fork(status, given=given, **facts)


def _become(order: Order, to_tell: int) -> NoReturn:
    def tell(note: str) -> None:
        os.write(to_tell, note.encode() + b"\n")

    try:
        asyncio.run(_Life(order, tell).live())
    except BaseException:
        tell(json.dumps({"error": traceback.format_exc()}))
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    _serve()
