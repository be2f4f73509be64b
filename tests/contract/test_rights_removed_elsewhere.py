"""A right removed by one worker opens nothing in another, at once: ten thousand times in all (S14).

Two whole stacks (database port, caches, policy engine, authenticator, gate) stand over one database. In a
wave, many identities lose a right with one commit of A, and each then asks B to change something as the
caller that B established while the right still held. The rows are written as the handlers write them;
tests/integration does a few rounds of the same through the doors of two processes.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller
from ca_service.governance.membership_storage import MembershipRows
from ca_service.governance.memberships import Membership
from ca_service.governance.operations import GrantProjectRole, UpdateProject
from ca_service.identity.identities import MachineIdentity
from ca_service.identity.storage import IdentityRows
from ca_service.identity.token_storage import TokenRows
from ca_service.kernel.errors import NotFoundError, UnauthenticatedError
from ca_service.kernel.secret_value import SecretValue
from tests.support.databases import PostgresqlTemplate, open_postgresql, open_sqlite
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Worker, open_site

#: How many lose a right with one commit; a third of them each kind of right.
_AT_ONCE = 150
_RENAME = UpdateProject(project="default", name="mine")


class Member(Struct, frozen=True):
    """An identity with a role in the project, and its token."""

    identity: MachineIdentity
    membership: Membership
    token: SecretValue[str]
    token_id: str


class Pair:
    """Workers A and B over one database. Odd ones out of `members` lose their token or are disabled."""

    def __init__(self, a: Worker, b: Worker) -> None:
        self.a = a
        self.b = b
        self._memberships = MembershipRows(a.database, a.custody)
        self._identities = IdentityRows(a.custody)
        self._tokens = TokenRows(a.custody)
        self.members: list[Member] = []

    async def make_members(self) -> None:
        """Make them through the gate."""
        for number in range(_AT_ONCE):
            machine = await self.a.make_machine(f"robot-{number}")
            identity = await self._identities.find_anywhere(self.a.database, machine.id)
            assert identity is not None
            granting = GrantProjectRole(project="default", identity=machine.id, role="admin")
            membership, issued = await self.a.perform(granting), await self.a.log_in(machine)
            self.members.append(Member(identity, membership, issued.access_token, issued.id))

    async def established(self) -> list[Caller]:
        """Have B establish who calls, and use the right once, so that B keeps whatever it keeps of it."""
        callers = [await self.b.authenticate(member.token) for member in self.members]
        await self.b.perform(_RENAME, callers[0])
        return callers

    async def remove_rights(self) -> None:
        """Take from each what it is to lose, with one commit of A."""

        async def work(transaction: Transaction) -> None:
            for number, member in enumerate(self.members):
                await self._remove(transaction, number % 3, member)
            await self.a.policy.raise_generation(transaction)

        await self.a.database.begin(work)

    async def give_back_rights(self) -> None:
        """Let each have its right again, with one commit of A."""

        async def work(transaction: Transaction) -> None:
            for number, member in enumerate(self.members):
                await self._give_back(transaction, number % 3, member)
            await self.a.policy.raise_generation(transaction)

        await self.a.database.begin(work)

    async def outcomes(self, callers: list[Caller]) -> list[str]:
        """Have each caller ask B at once; return those that were not refused as they should be."""
        asked = [self.b.perform(_RENAME, caller) for caller in callers]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        return [
            f"{number}: {outcome!r}"
            for number, outcome in enumerate(outcomes)
            if not isinstance(outcome, NotFoundError if number % 3 == 0 else UnauthenticatedError)
        ]

    async def _remove(self, transaction: Transaction, kind: int, member: Member) -> None:
        if kind == 0:
            assert await self._memberships.delete(transaction, member.membership)
        elif kind == 1:
            assert await self._tokens.change(
                transaction,
                member.identity.organization,
                member.token_id,
                lambda token: msgspec.structs.replace(token, revoked_at=transaction.now),
            )
        else:
            assert await self._identities.replace(transaction, member.identity, _disabled(member.identity))

    async def _give_back(self, transaction: Transaction, kind: int, member: Member) -> None:
        if kind == 0:
            await self._memberships.insert(transaction, member.membership)
        elif kind == 1:
            assert await self._tokens.change(
                transaction,
                member.identity.organization,
                member.token_id,
                lambda token: msgspec.structs.replace(token, revoked_at=None),
            )
        else:
            assert await self._identities.replace(transaction, _disabled(member.identity), member.identity)


def _disabled(identity: MachineIdentity) -> MachineIdentity:
    return msgspec.structs.replace(identity, disabled_at=identity.created_at)


def _open_pair(runner: asyncio.Runner, databases: list[Database], clock: FakeClock) -> Pair:
    pair = Pair(runner.run(open_site(databases[0], clock)), Worker(databases[1], clock))
    runner.run(pair.make_members())
    return pair


@pytest.fixture
def on_sqlite(
    runner: asyncio.Runner, sqlite_template: Any, tmp_path: Path, clock: FakeClock
) -> Iterator[Pair]:
    file = sqlite_template.copy_to(tmp_path)
    databases: list[Database] = [runner.run(open_sqlite(file, clock)) for _ in range(2)]
    yield _open_pair(runner, databases, clock)
    for database in databases:
        runner.run(database.close())


@pytest.fixture
def on_postgresql(
    runner: asyncio.Runner, postgresql_template: PostgresqlTemplate, clock: FakeClock
) -> Iterator[Pair]:
    url = postgresql_template.empty()
    databases: list[Database] = [runner.run(open_postgresql(url, clock)) for _ in range(2)]
    yield _open_pair(runner, databases, clock)
    for database in databases:
        runner.run(database.close())


@pytest.fixture
def administration(postgresql_template: PostgresqlTemplate) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(postgresql_template.url, autocommit=True) as connection:
        yield connection


async def _refused(
    pair: Pair, rounds: int, administration: "psycopg.Connection[Any] | None" = None
) -> list[str]:
    wrong: list[str] = []
    for _ in range(-(-rounds // _AT_ONCE)):
        callers = await pair.established()
        if administration is not None:
            _cut_notifications(administration)
        await pair.remove_rights()
        wrong += await pair.outcomes(callers)
        await pair.give_back_rights()
    return wrong


def _cut_notifications(administration: "psycopg.Connection[Any]") -> None:
    """End every session that listens: what is announced from now on, nobody hears."""
    ended = administration.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND query IN ('LISTEN keywright_changes', 'SELECT 1')"
    ).fetchall()
    assert all(was_ended for (was_ended,) in ended)


@pytest.mark.parametrize("part", range(4))
async def test_on_sqlite_no_removed_right_opens_anything(on_sqlite: Pair, part: int) -> None:
    assert await _refused(on_sqlite, 1_750) == [], part


@pytest.mark.parametrize("part", range(2))
async def test_on_postgresql_no_removed_right_opens_anything(on_postgresql: Pair, part: int) -> None:
    assert await _refused(on_postgresql, 750) == [], part


@pytest.mark.parametrize("part", range(2))
async def test_on_postgresql_no_removed_right_opens_anything_where_the_notification_is_lost(
    on_postgresql: Pair, administration: "psycopg.Connection[Any]", part: int
) -> None:
    assert await _refused(on_postgresql, 750, administration) == [], part
