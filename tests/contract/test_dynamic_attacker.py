"""Whoever can write to the database: edited and swapped rows are refused, and hold nothing readable."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database
from ca_service.database.statement import statement
from secrets_core.dynamic.leases import CLAIM
from secrets_core.dynamic.operations import ReadDynamicSecret
from secrets_core.dynamic.storage.tables import DYNAMIC_SECRETS, LEASES
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import TENANT

OF: dict[str, Any] = {"of_organization": TENANT.organization, "of_project": TENANT.project}


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> DynamicGround:
    return runner.run(DynamicGround(database, clock).start())


def edit(table: Any, column: str) -> Any:
    mine = (table.c.organization == bindparam("of_organization"), table.c.project == bindparam("of_project"))
    return statement(
        update(table).where(*mine, table.c.id == bindparam("of_id")).values({column: bindparam("value")})
    )


async def test_an_edited_lease_is_refused_and_does_not_keep_others_from_their_end(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    edited, other = await ground.lease(), await ground.lease()
    [row] = await ground.rows(statement(select(LEASES).where(LEASES.c.id == bindparam("id"))), id=edited.id)
    changes: dict[str, Any] = {
        "username": "postgres",
        "target": "fake://elsewhere",
        "recipe": b"\0" * 90,
        "status": "revoked",
        "holder": 'Identity::"idn_mallory"',
        "expires_at": 4_000_000_000_000_000,
        "max_expires_at": 4_000_000_000_000_000,
        "ending_at": 1,
        "note": "x",
    }
    for column, value in changes.items():
        await ground.change(edit(LEASES, column), value=value, of_id=edited.id, **OF)
        with pytest.raises(IntegrityError):
            await ground.read(edited.id)
        with pytest.raises(IntegrityError):
            await ground.revoke(edited.id)
        before = row[list(LEASES.c.keys()).index(column)]
        if column != "note":
            await ground.change(edit(LEASES, column), value=before, of_id=edited.id, **OF)
    clock.advance(timedelta(hours=1))
    await ground.sweeper.end_due()
    assert ground.accounts() == {edited.lease.username}
    assert (await ground.read(other.id)).status == "revoked"


async def test_a_recipe_of_another_lease_ends_nothing(ground: DynamicGround) -> None:
    await ground.make()
    one, two = await ground.lease(), await ground.lease()
    of = statement(select(LEASES.c.recipe).where(LEASES.c.id == bindparam("id")))
    [[recipe]] = await ground.rows(of, id=two.id)
    await ground.change(edit(LEASES, "recipe"), value=recipe, of_id=one.id, **OF)
    with pytest.raises(IntegrityError):
        await ground.revoke(one.id)
    assert len(ground.accounts()) == 2


async def test_an_edited_or_swapped_configuration_is_refused(ground: DynamicGround) -> None:
    one = await ground.make("one")
    two = await ground.make("two", config={"host": "two.test"})
    of = statement(select(DYNAMIC_SECRETS).where(DYNAMIC_SECRETS.c.id == bindparam("id")))
    [row] = await ground.rows(of, id=two.id)
    columns = list(DYNAMIC_SECRETS.c.keys())
    for column in ("sealed", "target", "max_ttl", "username_template", "version"):
        value = row[columns.index(column)]
        value = value + 1 if column in {"max_ttl", "version"} else value
        value = value + "x" if column == "username_template" else value
        [before] = await ground.rows(of, id=one.id)
        await ground.change(edit(DYNAMIC_SECRETS, column), value=value, of_id=one.id, **OF)
        with pytest.raises(IntegrityError):
            await ground.perform(ReadDynamicSecret(project="default", environment="dev", name="one"))
        with pytest.raises(IntegrityError):
            await ground.lease(name="one")
        value = before[columns.index(column)]
        await ground.change(edit(DYNAMIC_SECRETS, column), value=value, of_id=one.id, **OF)
    await ground.lease(name="one")


async def test_a_claim_longer_than_any_of_ours_keeps_nobody_from_ending_a_lease(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    given = await ground.lease()
    forever = 4_000_000_000_000_000
    await ground.change(edit(LEASES, "claimed_until"), value=forever, of_id=given.id, **OF)
    clock.advance(timedelta(hours=1) + CLAIM)
    await ground.sweeper.end_due()
    assert ground.accounts() == set()


async def test_no_secret_stands_in_a_row_or_in_the_trail(ground: DynamicGround) -> None:
    await ground.make()
    given = await ground.lease(key="retry")
    secrets = [given.password.reveal(), "canary-root-password"]
    held = [
        *await ground.rows(statement(select(DYNAMIC_SECRETS))),
        *await ground.rows(statement(select(LEASES))),
        *[entry.entry for entry in await ground.trail()],
    ]
    for each in held:
        text = repr(each)
        assert not [secret for secret in secrets if secret in text]
