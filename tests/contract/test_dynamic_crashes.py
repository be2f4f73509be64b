"""A process dies after any act of giving or ending a lease: every account that is there will be ended."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.gate.errors import StillRunningError
from ca_service.kernel.errors import KeywrightError
from secrets_core.dynamic.leases import CLAIM, GRACE
from secrets_core.dynamic.operations import (
    CreateLease,
    DeleteDynamicSecret,
    ListLeases,
    RenewLease,
    RevokeLease,
)
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.dynamic import DyingError
from tests.support.fakes.kernel import FakeClock

SECOND = timedelta(seconds=1)


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> DynamicGround:
    return runner.run(DynamicGround(database, clock).start())


def die_after(ground: DynamicGround, operation: type[Any], act: str) -> None:
    """Let the process die once an act has done its work; the transaction of `record` goes with it."""
    handler: Any = ground.handlers[operation]
    if act == "commit of intend":
        act, original = "effect", None
    else:
        original = getattr(handler, act)

    async def dying(*arguments: Any) -> Any:
        if original is not None:
            await original(*arguments)
        raise DyingError

    setattr(handler, act, dying)


def restart(ground: DynamicGround, clock: FakeClock) -> DynamicGround:
    """Return the same instance in another process, over the same target."""
    again = DynamicGround(ground.database, clock)
    again.target.accounts = ground.target.accounts
    return again


async def leases(ground: DynamicGround) -> list[tuple[str, str]]:
    page = await ground.perform(ListLeases(project="default"))
    return [(lease.status.value, lease.end_reason) for lease in page.items]


@pytest.mark.parametrize("act", ["commit of intend", "create", "effect", "record"])
async def test_what_died_while_it_gave_a_lease_leaves_no_account(
    ground: DynamicGround, clock: FakeClock, act: str
) -> None:
    await ground.make()
    if act == "create":
        ground.target.die_after("create")
    else:
        die_after(ground, CreateLease, act)
    with pytest.raises(DyingError):
        await ground.lease()
    assert bool(ground.accounts()) is (act != "commit of intend")

    again = restart(ground, clock)
    clock.advance(GRACE - SECOND)
    assert await again.sweeper.end_due() == 0, "a creator that lives is let finish"
    clock.advance(SECOND)
    await again.sweeper.end_due()
    assert again.accounts() == set()
    assert await leases(again) == [("revoked", "failed")]


@pytest.mark.parametrize("act", ["commit of intend", "revoke", "effect", "record"])
async def test_what_died_while_it_ended_a_lease_is_ended_by_another(
    ground: DynamicGround, clock: FakeClock, act: str
) -> None:
    await ground.make()
    given = await ground.lease()
    if act == "revoke":
        ground.target.die_after("revoke")
    else:
        die_after(ground, RevokeLease, act)
    with pytest.raises(DyingError):
        await ground.revoke(given.id)

    again = restart(ground, clock)
    assert (await again.read(given.id)).status == "revoking"
    clock.advance(CLAIM)
    await again.sweeper.end_due()
    assert again.accounts() == set()
    assert await leases(again) == [("revoked", "revoked")]


async def test_a_lease_whose_answer_was_lost_is_answered_again(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    given = await ground.lease(key="retry-1")
    again = await restart(ground, clock).lease(key="retry-1")
    assert (again.id, again.password, again.connection) == (given.id, given.password, given.connection)
    assert len(ground.accounts()) == 1

    await ground.revoke(given.id)
    with pytest.raises(KeywrightError, match=given.id):
        await ground.lease(key="retry-1")


async def test_who_died_before_the_answer_was_kept_gets_another_lease_and_the_first_ends(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    die_after(ground, CreateLease, "effect")
    with pytest.raises(DyingError):
        await ground.lease(key="retry-1")
    [first] = ground.accounts()

    again = restart(ground, clock)
    clock.advance(GRACE)
    second = await again.lease(key="retry-1")
    await again.sweeper.end_due()
    assert again.accounts() == {second.lease.username} != {first}


async def test_a_creator_that_slept_beyond_its_grace_puts_its_account_away(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()

    async def sleep() -> None:
        clock.advance(GRACE + SECOND)
        await restart(ground, clock).sweeper.end_due()

    ground.target.after["create"] = sleep
    with pytest.raises(KeywrightError, match="took too long"):
        await ground.lease()
    assert ground.accounts() == set()


async def test_a_lease_whose_dynamic_secret_is_deleted_in_the_making_ends(
    ground: DynamicGround, clock: FakeClock
) -> None:
    await ground.make()
    delete = DeleteDynamicSecret(project="default", environment="dev", name="app", revoke=True)

    async def delete_meanwhile() -> None:
        await ground.perform(delete)
        assert await restart(ground, clock).sweeper.end_due() == 0, "its creator may be about to make it"

    ground.target.after["create"] = delete_meanwhile
    with pytest.raises(KeywrightError, match="ended before it began"):
        await ground.lease()
    assert len(ground.accounts()) == 1
    clock.advance(GRACE)
    assert await ground.sweeper.end_due() == 1
    assert ground.accounts() == set()


async def test_a_lease_is_not_renewed_past_the_deletion_of_its_dynamic_secret(ground: DynamicGround) -> None:
    await ground.make()
    given = await ground.lease()
    delete = DeleteDynamicSecret(project="default", environment="dev", name="app", revoke=True)

    async def delete_meanwhile() -> None:
        await ground.perform(delete)

    ground.target.after["extend"] = delete_meanwhile
    with pytest.raises(KeywrightError, match="was deleted"):
        await ground.perform(RenewLease(project="default", lease=given.id))
    await ground.sweeper.end_due()
    assert ground.accounts() == set()


async def test_the_first_request_under_a_key_is_waited_for(ground: DynamicGround) -> None:
    await ground.make()
    reached, go = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go.wait()

    ground.target.after["create"] = wait
    first = asyncio.create_task(ground.lease(key="retry-1"))
    await reached.wait()
    with pytest.raises(StillRunningError):
        await ground.lease(key="retry-1")
    go.set()
    assert (await first).lease.status == "active"
