"""Identities that live in a project: without any right there they are told nothing of what is in it (S12)."""

import asyncio
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.governance.operations import CreatePolicy, GrantProjectRole, ReadPolicy, UpdateProject
from ca_service.kernel.errors import ForbiddenError, KeywrightError, NotFoundError
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Worker, open_site


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


async def lodger_of(worker: Worker, *roles: str) -> Caller:
    machine = await worker.make_machine("lodger", project="default")
    for role in roles:
        await worker.perform(GrantProjectRole(project="default", identity=machine.id, role=role))
    return await worker.caller_of(machine)


async def permit(worker: Worker, caller: Caller, action: str) -> str:
    text = f'permit(principal == Identity::"{caller.id}", action == Action::"{action}", resource);'
    return (await worker.perform(CreatePolicy(project="default", name="one-right", text=text))).id


async def refusal(worker: Worker, operation: Operation[Any], caller: Caller) -> str:
    with pytest.raises(KeywrightError) as refused:
        await worker.perform(operation, caller)
    return f"{refused.value.slug} {refused.value.detail}"


async def test_without_a_right_a_policy_that_is_there_answers_like_one_that_is_not(worker: Worker) -> None:
    lodger = await lodger_of(worker)
    policy = await permit(worker, await lodger_of(worker), "policy:read")
    answers = {
        await refusal(worker, ReadPolicy(project="default", policy=name), lodger)
        for name in (policy, "pol_nobody")
    }
    assert answers == {f"not_found {NotFoundError('project').detail}"}


async def test_what_is_hidden_from_a_lodger_stands_in_the_trail(worker: Worker) -> None:
    lodger = await lodger_of(worker)
    await refusal(worker, ReadPolicy(project="default", policy="pol_nobody"), lodger)
    denied = await worker.trail(lambda one: one.entry.outcome.value == "denied")
    assert [numbered.entry.action for numbered in denied] == ["policy:read"]


async def test_one_right_is_enough_to_use_it_without_seeing_the_project(worker: Worker) -> None:
    lodger = await lodger_of(worker)
    policy = await permit(worker, lodger, "policy:read")
    assert (await worker.perform(ReadPolicy(project="default", policy=policy), lodger)).id == policy


async def test_one_right_is_no_other(worker: Worker) -> None:
    lodger = await lodger_of(worker)
    await permit(worker, lodger, "policy:read")
    with pytest.raises(NotFoundError):
        await worker.perform(UpdateProject(project="default", name="mine"), lodger)


async def test_who_may_see_the_project_is_told_what_it_may_not_do(worker: Worker) -> None:
    viewer = await lodger_of(worker, "viewer")
    with pytest.raises(ForbiddenError):
        await worker.perform(UpdateProject(project="default", name="mine"), viewer)


async def test_no_access_hides_what_another_role_would_show(worker: Worker) -> None:
    shut_out = await lodger_of(worker, "member", "no-access")
    policy = await permit(worker, await lodger_of(worker), "policy:read")
    answers = {
        await refusal(worker, ReadPolicy(project="default", policy=name), shut_out)
        for name in (policy, "pol_nobody")
    }
    assert len(answers) == 1
