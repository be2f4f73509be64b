"""Leases over their life: given, renewed, revoked, expired; on both engines."""

import asyncio
from datetime import timedelta

import pytest

from ca_service.database.port import Database
from secrets_core.dynamic.operations import RenewLease
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.kernel import FakeClock

HOUR = timedelta(hours=1)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> DynamicGround:
    return runner.run(DynamicGround(database, clock).start())


async def test_a_lease_lives_until_it_is_revoked(ground: DynamicGround) -> None:
    made = await ground.make()
    given = await ground.lease()
    name = given.lease.username
    assert ground.accounts() == {name}
    assert name.startswith(made.account_prefix)
    assert ground.target.passwords[name] == given.password.reveal()
    assert (given.lease.status, given.ttl) == ("active", HOUR)

    revoked = await ground.revoke(given.id)
    assert (revoked.lease.status, revoked.lease.end_reason) == ("revoked", "revoked")
    assert ground.accounts() == set()


async def test_a_lease_that_nobody_revokes_ends_at_its_expiry(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    given = await ground.lease(2 * HOUR)
    clock.advance(2 * HOUR - timedelta(seconds=1))
    assert await ground.sweeper.end_due() == 0
    clock.advance(timedelta(seconds=1))
    assert await ground.sweeper.end_due() == 1
    assert ground.accounts() == set()
    assert (await ground.read(given.id)).end_reason == "expired"


async def test_a_renewed_lease_lives_on(ground: DynamicGround, clock: FakeClock) -> None:
    await ground.make(max_ttl=3 * HOUR)
    given = await ground.lease()
    clock.advance(HOUR / 2)
    renewed = await ground.perform(RenewLease(project="default", lease=given.id, ttl=2 * HOUR))
    assert renewed.expires_at == given.lease.created_at + 2.5 * HOUR
