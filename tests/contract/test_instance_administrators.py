"""Administrators of the instance beside the holder of the bootstrap token (S13, S17), on both engines."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.gate.caller import Caller, RoleGrant
from ca_service.gate.operation import Operation
from ca_service.governance.administration.administrators import BOOTSTRAP_ALIVE
from ca_service.governance.memberships import Membership
from ca_service.governance.operations import (
    CreateOrganization,
    GrantInstanceRole,
    ListInstanceMemberships,
    ListOrganizationMemberships,
    WithdrawInstanceRole,
)
from ca_service.identity.operations import CreateClientSecret, UpdateIdentity
from ca_service.kernel.errors import ConflictError, ForbiddenError, NotFoundError, UnacceptableError
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Machine, Worker, open_site

#: Shorter than a token lives.
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


async def appoint(worker: Worker, machine: Machine, lifetime: timedelta | None = None) -> Membership:
    expires_at = None if lifetime is None else worker.clock.now() + lifetime
    return await worker.perform(
        GrantInstanceRole(identity=machine.id, role="administrator", expires_at=expires_at)
    )


async def make_administrator(worker: Worker) -> Caller:
    machine = await worker.make_machine("boss")
    await appoint(worker, machine)
    return await worker.caller_of(machine)


async def notices(worker: Worker) -> list[str]:
    return [notice.text for source in worker.status_sources for notice in await source()]


async def test_an_appointed_identity_administers_the_instance(worker: Worker) -> None:
    boss = await make_administrator(worker)
    assert boss.roles == (RoleGrant(role="administrator", scope="instance"),)
    assert (await worker.perform(CreateOrganization(slug="made", name="Made"), boss)).slug == "made"


async def test_an_administrator_appoints_another(worker: Worker) -> None:
    boss, machine = await make_administrator(worker), await worker.make_machine("second")
    await worker.perform(GrantInstanceRole(identity=machine.id, role="administrator"), boss)
    found = await worker.perform(ListInstanceMemberships(limit=9))
    assert {one.principal for one in found.items} == {boss.id, machine.id}


async def test_nobody_else_appoints_one_or_sees_who_is(worker: Worker) -> None:
    machine = await worker.make_machine("climber")
    admin = await worker.make_organization_admin("default")
    appointed = await appoint(worker, await worker.make_machine("boss"))
    climbs: tuple[Operation[Any], ...] = (
        GrantInstanceRole(identity=machine.id, role="administrator"),
        ListInstanceMemberships(limit=9),
        WithdrawInstanceRole(membership=appointed.id),
    )
    for operation in climbs:
        with pytest.raises(ForbiddenError):
            await worker.perform(operation, admin)


async def test_the_administrator_of_its_organization_makes_no_secret_for_an_appointed_identity(
    worker: Worker,
) -> None:
    admin, machine = await worker.make_organization_admin("default"), await worker.make_machine("boss")
    making = CreateClientSecret(organization="default", identity=machine.id)
    await worker.perform(making, admin)
    await appoint(worker, machine)
    with pytest.raises(ForbiddenError):
        await worker.perform(making, admin)
    assert (await worker.perform(making)).record.client_id == machine.id


async def test_a_withdrawn_administrator_may_nothing_at_once(worker: Worker) -> None:
    machine = await worker.make_machine("boss")
    appointed = await appoint(worker, machine)
    boss = await worker.caller_of(machine)
    await worker.perform(WithdrawInstanceRole(membership=appointed.id))
    with pytest.raises(NotFoundError):
        await worker.perform(CreateOrganization(slug="made", name="Made"), boss)


async def test_an_appointment_ends_with_its_time(worker: Worker) -> None:
    machine = await worker.make_machine("boss")
    await appoint(worker, machine, HALF_AN_HOUR)
    boss = await worker.caller_of(machine)
    worker.clock.advance(HALF_AN_HOUR - timedelta(minutes=1))
    await worker.perform(CreateOrganization(slug="made", name="Made"), boss)
    worker.clock.advance(timedelta(minutes=1))
    assert (await worker.authenticator.refresh(boss)).roles == ()


@pytest.mark.parametrize("role", ["admin", "member", "owner"])
async def test_no_other_role_is_held_in_the_instance(worker: Worker, role: str) -> None:
    machine = await worker.make_machine()
    with pytest.raises(UnacceptableError):
        await worker.perform(GrantInstanceRole(identity=machine.id, role=role))


async def test_an_identity_is_appointed_once(worker: Worker) -> None:
    machine = await worker.make_machine()
    await appoint(worker, machine)
    with pytest.raises(ConflictError):
        await appoint(worker, machine)


async def test_an_identity_of_a_project_is_not_appointed(worker: Worker) -> None:
    machine = await worker.make_machine(project="default")
    with pytest.raises(UnacceptableError):
        await appoint(worker, machine)


async def test_an_identity_that_is_not_there_is_not_appointed(worker: Worker) -> None:
    with pytest.raises(NotFoundError):
        await worker.perform(GrantInstanceRole(identity="idn_nobody", role="administrator"))


async def test_a_membership_of_an_organization_is_none_of_the_instance(worker: Worker) -> None:
    await worker.make_organization_admin("default")
    found = await worker.perform(ListOrganizationMemberships(organization="default", limit=9))
    with pytest.raises(NotFoundError):
        await worker.perform(WithdrawInstanceRole(membership=found.items[0].id))
    assert (await worker.perform(ListInstanceMemberships(limit=9))).items == ()


async def test_the_bootstrap_token_is_spoken_of_once_it_is_not_needed_any_more(worker: Worker) -> None:
    await worker.bootstrap.make_once()
    assert BOOTSTRAP_ALIVE not in await notices(worker)
    await make_administrator(worker)
    assert BOOTSTRAP_ALIVE in await notices(worker)
    await worker.bootstrap.disable()
    assert BOOTSTRAP_ALIVE not in await notices(worker)


async def test_a_disabled_administrator_is_no_other_one(worker: Worker) -> None:
    await worker.bootstrap.make_once()
    boss = await make_administrator(worker)
    await worker.perform(UpdateIdentity(organization="default", identity=boss.id, disabled=True))
    assert BOOTSTRAP_ALIVE not in await notices(worker)


async def test_an_administrator_whose_time_is_over_is_no_other_one(worker: Worker) -> None:
    await worker.bootstrap.make_once()
    await appoint(worker, await worker.make_machine("boss"), HALF_AN_HOUR)
    worker.clock.advance(HALF_AN_HOUR)
    assert BOOTSTRAP_ALIVE not in await notices(worker)


async def test_administrators_are_appointed_listed_and_withdrawn_over_http(worker: Worker) -> None:
    token = (await worker.bootstrap.rotate()).reveal()
    machine = await worker.make_machine("boss")
    body = {"identity": machine.id, "role": "administrator"}
    made = await worker.call("POST", "/v1/memberships", body, token=token)
    assert (made.status, made.json()["scope"]) == (201, "instance")
    shown = (await worker.call("GET", "/v1/memberships", token=token)).json()["items"]
    assert [one["identity"] for one in shown] == [machine.id]
    gone = await worker.call("DELETE", f"/v1/memberships/{made.json()['id']}", token=token)
    assert gone.status == 204
