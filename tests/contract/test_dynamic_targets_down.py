"""Targets that are down, refuse or are asked by several workers at once."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from ca_service.database.port import Database
from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.errors import TargetRefusedError, TargetUnreachableError
from secrets_core.dynamic.leases import MAKING, OVERDUE_AFTER
from secrets_core.dynamic.notices import overdue_notices
from secrets_core.dynamic.operations import ListLeases, UpdateDynamicSecret
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.dynamic import DyingError
from tests.support.fakes.kernel import FakeClock

HOUR = timedelta(hours=1)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> DynamicGround:
    return runner.run(DynamicGround(database, clock).start())


async def test_a_target_that_is_down_gives_no_lease_and_the_row_ends_by_itself(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    ground.target.is_down = True
    with pytest.raises(TargetUnreachableError):
        await ground.lease()
    [entry] = [each.entry for each in await ground.trail() if each.entry.action == "dynamic:lease"]
    assert (entry.outcome.value, entry.details["username"][:3]) == ("failed", "kw-")

    ground.target.is_down = False
    clock.advance(2 * MAKING)
    assert await ground.sweeper.end_due() == 1
    [lease] = (await ground.perform(ListLeases(project="default"))).items
    assert (lease.status, lease.end_reason, lease.reason) == ("revoked", "failed", "")


async def test_a_target_that_lost_its_answer_after_it_made_the_account_is_looked_at_again(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()

    async def lose() -> None:
        raise TargetUnreachableError("The connection was lost.")

    ground.target.after["create"] = lose
    with pytest.raises(TargetUnreachableError):
        await ground.lease()
    assert len(ground.accounts()) == 1
    clock.advance(2 * MAKING)
    await ground.sweeper.end_due()
    assert ground.accounts() == set()


async def test_what_a_target_refused_is_ended_at_once(ground: DynamicGround) -> None:
    await ground.make(config={"role": "unknown"})
    with pytest.raises(TargetRefusedError):
        await ground.lease()
    [lease] = (await ground.perform(ListLeases(project="default"))).items
    assert lease.status == "revoked"


async def test_a_lease_revoked_while_its_target_is_down_goes_on_by_itself(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    given = await ground.lease()
    ground.target.is_down = True
    revoked = (await ground.revoke(given.id)).lease
    assert (revoked.status, revoked.failures, revoked.reason) == (
        "revoking",
        1,
        "The target refused the connection.",
    )
    assert revoked.next_try_at is not None
    [told] = [each.entry for each in await ground.trail() if each.entry.action == "dynamic:revoke"]
    assert (told.details["status"], told.details["reason"]) == ("revoking", revoked.reason)

    for _ in range(40):
        clock.advance(timedelta(minutes=6))
        await ground.sweeper.end_due()
    ground.target.is_down = False
    clock.advance(timedelta(minutes=6))
    await ground.sweeper.end_due()
    assert ground.accounts() == set()
    assert (await ground.read(given.id)).status == "revoked"


async def test_an_end_that_is_late_is_shown_with_its_reason(ground: DynamicGround, clock: FakeClock) -> None:
    await ground.make()
    given = await ground.lease()
    assert await overdue_notices(ground.database) == []
    ground.target.is_down = True
    clock.advance(HOUR + OVERDUE_AFTER)
    await ground.sweeper.end_due()
    [notice] = await overdue_notices(ground.database)
    assert "1 lease of project prj_1" in notice.text
    assert "The target refused the connection." in notice.text
    [late] = (await ground.perform(ListLeases(project="default", overdue=True))).items
    assert (late.id, late.is_overdue) == (given.id, True)


async def test_a_target_that_is_down_is_asked_once_and_not_for_every_lease(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    await ground.make("other", config={"host": "other.test"})
    for _ in range(12):
        await ground.lease()
    await ground.lease(name="other")
    clock.advance(HOUR)
    ground.target.is_down = True
    ground.target.calls.clear()
    await ground.sweeper.end_due()
    # A few are under way when the first of them fails; none is begun after that.
    assert ground.target.calls["revoke"] <= 2 * 4

    clock.advance(timedelta(minutes=2))
    ground.target.calls.clear()
    await asyncio.gather(ground.sweeper.end_due(), ground.sweeper.end_due())
    assert ground.target.calls["revoke"] == 2, "one probe for each of two targets, whoever sweeps"
    await ground.sweeper.end_due()
    assert ground.target.calls["revoke"] == 2, "and none before its time"

    ground.target.is_down = False
    clock.advance(timedelta(minutes=2))
    await ground.sweeper.end_due()
    clock.advance(timedelta(minutes=6))
    await ground.sweeper.end_due()
    assert ground.accounts() == ground.accounts("other.test") == set()


async def test_a_target_that_hangs_keeps_no_other_from_its_ends(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    await ground.make("other", config={"host": "other.test"})
    await ground.lease()
    clock.advance(timedelta(minutes=1))
    await ground.lease(name="other")
    hangs, go_on = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        if not hangs.is_set():
            hangs.set()
            await go_on.wait()

    ground.target.after["revoke"] = hang
    clock.advance(HOUR - timedelta(minutes=1))
    hanging = asyncio.create_task(ground.sweeper.end_due())
    await hangs.wait()
    clock.advance(timedelta(minutes=1))
    assert await ground.sweeper.end_due() == 1
    assert ground.accounts("other.test") == set()
    go_on.set()
    assert await hanging == 1


async def test_two_workers_end_every_lease_and_none_twice(ground: DynamicGround, clock: FakeClock) -> None:
    await ground.make()
    for _ in range(30):
        await ground.lease()
    clock.advance(HOUR)
    other = DynamicGround(ground.database, clock)
    other.target.accounts = ground.target.accounts
    tried = await asyncio.gather(ground.sweeper.end_due(), other.sweeper.end_due())
    assert sum(tried) == 30
    assert ground.target.calls["revoke"] + other.target.calls.get("revoke", 0) == 30
    assert ground.accounts() == set()


async def test_a_worker_that_died_leaves_its_claims_to_others(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    for _ in range(3):
        await ground.lease()
    clock.advance(HOUR)
    ground.target.die_after("revoke")
    with pytest.raises(DyingError):
        await ground.sweeper.end_due()
    ground.target.after.clear()
    clock.advance(HOUR)
    await ground.sweeper.end_due()
    assert ground.accounts() == set()


async def test_a_new_root_password_reaches_leases_that_were_given_before(ground: DynamicGround) -> None:
    await ground.make()
    given = await ground.lease()
    ground.target.root_password = "the new one"
    assert (await ground.revoke(given.id)).lease.status == "revoking"
    config = SecretValue(msgspec.json.encode({"password": "the new one"}))
    await ground.perform(UpdateDynamicSecret(project="default", environment="dev", name="app", config=config))
    assert (await ground.revoke(given.id)).lease.status == "revoked"


async def test_an_account_that_is_gone_already_ends_its_lease(ground: DynamicGround) -> None:
    await ground.make()
    given = await ground.lease()
    ground.target.accounts.clear()
    assert (await ground.revoke(given.id)).lease.status == "revoked"
    again = await ground.revoke(given.id)
    assert (again.lease.status, ground.target.calls["revoke"]) == ("revoked", 1)
