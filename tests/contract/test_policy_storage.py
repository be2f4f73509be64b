"""Stored policies and the generation behave alike on both engines."""

from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy.sql import bindparam, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.storage import (
    POLICIES,
    StoredPolicy,
    delete_policy,
    find_policy,
    insert_policy,
    list_policies,
    policies_around,
    update_policy,
)
from tests.support.fakes.kernel import FakeIdentifiers
from tests.support.fakes.policy import MAC_KEY, SCHEMA, identity, issuing

PERMIT = 'permit(principal, action == Action::"x509:issue", resource);'
EDIT = statement(
    update(POLICIES).where(POLICIES.c.id == bindparam("policy")).values(text=bindparam("edited_text"))
)
MOVE = statement(
    update(POLICIES).where(POLICIES.c.id == bindparam("policy")).values(project=bindparam("other_project"))
)


def stored(policy_id: str, organization: str = "org_1", project: str = "prj_1") -> StoredPolicy:
    return StoredPolicy(
        id=policy_id,
        organization=organization,
        project=project,
        name=f"name of {policy_id}",
        text=PERMIT,
        is_enabled=True,
        created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        created_by="idn_admin",
    )


async def insert(database: Database, *policies: StoredPolicy) -> None:
    async def work(transaction: Transaction) -> None:
        for policy in policies:
            await insert_policy(transaction, MAC_KEY, policy)

    await database.begin(work)


def make_engine(database: Database) -> PolicyEngine:
    return PolicyEngine(database, SCHEMA, (), MAC_KEY, FakeIdentifiers())


async def test_a_policy_is_read_as_it_was_written(database: Database) -> None:
    await insert(database, stored("pol_1"))
    assert await find_policy(database, MAC_KEY, "org_1", "prj_1", "pol_1") == stored("pol_1")


async def test_a_policy_is_found_in_its_own_place_only(database: Database) -> None:
    await insert(database, stored("pol_1"))
    assert await find_policy(database, MAC_KEY, "org_2", "prj_1", "pol_1") is None
    assert await find_policy(database, MAC_KEY, "org_1", "prj_2", "pol_1") is None


async def test_policies_are_listed_by_name_in_pages(database: Database) -> None:
    await insert(database, stored("pol_3"), stored("pol_1"), stored("pol_2"), stored("pol_4", project=""))
    first = await list_policies(database, MAC_KEY, "org_1", "prj_1", limit=2)
    rest = await list_policies(database, MAC_KEY, "org_1", "prj_1", after=first[-1].name, limit=2)
    assert [policy.id for policy in first + rest] == ["pol_1", "pol_2", "pol_3"]


async def test_a_place_is_governed_by_itself_its_organization_and_the_instance(database: Database) -> None:
    await insert(
        database,
        stored("pol_1"),
        stored("pol_2", project=""),
        stored("pol_3", organization="", project=""),
        stored("pol_4", project="prj_2"),
        stored("pol_5", organization="org_2"),
        stored("pol_6", organization="org_2", project=""),
    )
    found = {
        place: [policy.id for policy in await policies_around(database, MAC_KEY, *place)]
        for place in (("org_1", "prj_1"), ("org_1", ""), ("", ""))
    }
    assert found == {
        ("org_1", "prj_1"): ["pol_1", "pol_2", "pol_3"],
        ("org_1", ""): ["pol_2", "pol_3"],
        ("", ""): ["pol_3"],
    }


async def test_a_name_is_unique_in_its_place(database: Database) -> None:
    await insert(database, stored("pol_1"))
    twin = msgspec.structs.replace(stored("pol_2"), name="name of pol_1")
    with pytest.raises(UniqueViolationError):
        await insert(database, twin)
    await insert(database, msgspec.structs.replace(twin, project="prj_2"))


async def test_an_update_replaces_what_was_read_and_nothing_newer(database: Database) -> None:
    before = stored("pol_1")
    after = msgspec.structs.replace(before, name="other", text=PERMIT + "//", is_enabled=False)
    await insert(database, before)
    assert await database.begin(lambda transaction: update_policy(transaction, MAC_KEY, before, after))
    assert not await database.begin(lambda transaction: update_policy(transaction, MAC_KEY, before, after))
    assert await find_policy(database, MAC_KEY, "org_1", "prj_1", "pol_1") == after


async def test_a_policy_is_deleted_from_its_own_place_only(database: Database) -> None:
    await insert(database, stored("pol_1"))
    assert not await database.begin(lambda t: delete_policy(t, "org_1", "prj_2", "pol_1"))
    assert await database.begin(lambda t: delete_policy(t, "org_1", "prj_1", "pol_1"))
    assert await find_policy(database, MAC_KEY, "org_1", "prj_1", "pol_1") is None


async def test_an_edited_row_is_found_when_it_is_read(database: Database) -> None:
    await insert(database, stored("pol_1"))
    await database.begin(
        lambda t: t.execute(EDIT, policy="pol_1", edited_text="permit(principal, action, resource);")
    )
    with pytest.raises(IntegrityError, match="pol_1"):
        await policies_around(database, MAC_KEY, "org_1", "prj_1")


async def test_a_moved_row_is_found_when_it_is_read(database: Database) -> None:
    await insert(database, stored("pol_1"))
    await database.begin(lambda t: t.execute(MOVE, policy="pol_1", other_project="prj_2"))
    with pytest.raises(IntegrityError, match="pol_1"):
        await list_policies(database, MAC_KEY, "org_1", "prj_2")


async def test_the_generation_begins_at_nought_and_goes_up_by_one(database: Database) -> None:
    engine = make_engine(database)
    found = [await engine.current_generation()]
    for _ in range(3):
        await database.begin(engine.raise_generation)
        found.append(await engine.current_generation())
    assert found == [0, 1, 2, 3]


async def test_a_change_that_is_rolled_back_raises_nothing(database: Database) -> None:
    engine = make_engine(database)

    async def work(transaction: Transaction) -> None:
        await engine.raise_generation(transaction)
        raise LookupError

    with pytest.raises(LookupError):
        await database.begin(work)
    assert await engine.current_generation() == 0


async def holds(database: Database, engine: PolicyEngine, generation: int, *, raised: bool = False) -> bool:
    """Tell whether a transaction that requires a generation ends well, after raising it if `raised`."""

    async def work(transaction: Transaction) -> None:
        if raised:
            await engine.raise_generation(transaction)
        engine.require(transaction, generation, LookupError)

    try:
        await database.begin(work)
    except LookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("generation", "raised", "expected"),
    [(0, False, True), (1, False, False), (0, True, False), (1, True, True)],
)
async def test_a_transaction_holds_the_generation_it_sees(
    database: Database, generation: int, raised: bool, expected: bool
) -> None:
    assert await holds(database, make_engine(database), generation, raised=raised) is expected


async def test_a_right_is_gone_with_the_commit_that_removed_it(database: Database) -> None:
    """A second engine stands for another process on the same database."""
    here, there = make_engine(database), make_engine(database)

    async def grant(transaction: Transaction) -> None:
        await insert_policy(transaction, MAC_KEY, stored("pol_1"))
        await here.raise_generation(transaction)

    async def revoke(transaction: Transaction) -> None:
        await delete_policy(transaction, "org_1", "prj_1", "pol_1")
        await here.raise_generation(transaction)

    await database.begin(grant)
    granted = await there.decide(identity(), issuing())
    await database.begin(revoke)
    assert granted.allowed
    assert not await holds(database, there, granted.generation)
    assert not (await here.decide(identity(), issuing())).allowed
