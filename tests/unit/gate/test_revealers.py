"""Reads that work for their answer: nothing is done before it is permitted."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from ca_service.gate.errors import PolicyChangedError
from ca_service.gate.handler import Call, Prepared, Revealer
from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.errors import ForbiddenError, UnavailableError
from tests.support.fakes.gate import make_caller
from tests.support.gate_samples import REQUEST, Stage, access_to


class OpenThing(ProjectOperation[str], frozen=True, kw_only=True):
    """Open one thing."""

    action: ClassVar[str] = "sample:open"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True
    name: str


class CountThing(OpenThing, frozen=True, kw_only=True):
    """Work that reveals nothing."""

    action: ClassVar[str] = "sample:count"
    reveals: ClassVar[bool] = False


class OpenThingHandler(Revealer[OpenThing, str, str]):
    """Opens things, which have another draft each time."""

    def __init__(self) -> None:
        self.acts: list[str] = []

    async def prepare(self, call: Call, operation: OpenThing) -> Prepared[str]:
        self.acts.append("prepare")
        draft = f"{operation.name} {self.acts.count('prepare')}"
        return Prepared(draft, (access_to(call, operation.action, operation.name),), {"draft": draft})

    async def reveal(self, call: Call, draft: str) -> str:
        del call
        self.acts.append("reveal")
        return f"secret of {draft}"

    def details(self, answer: str) -> Mapping[str, Any]:
        return {"letters": len(answer)}


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def handler(stage: Stage) -> OpenThingHandler:
    made = OpenThingHandler()
    stage.gate.register({OpenThing: made, CountThing: made})
    return made


def ask(stage: Stage, kind: type[OpenThing] = OpenThing) -> str:
    return asyncio.run(stage.gate.perform(make_caller(), kind(project="one", name="a"), REQUEST)).answer


def test_it_is_done_once_it_is_permitted_and_the_trail_knows_of_the_answer(
    stage: Stage, handler: OpenThingHandler
) -> None:
    assert [ask(stage), ask(stage, CountThing)] == ["secret of a 1", "secret of a 2"]
    assert handler.acts == ["prepare", "reveal"] * 2
    assert stage.trail.entries[0].details == {"draft": "a 1", "letters": 13}


def test_nothing_is_done_for_who_may_not(stage: Stage, handler: OpenThingHandler) -> None:
    stage.policy.denied = {"sample:open"}
    with pytest.raises(ForbiddenError):
        ask(stage)
    assert handler.acts == ["prepare"]


def test_nothing_is_answered_that_the_trail_does_not_have(stage: Stage, handler: OpenThingHandler) -> None:
    stage.trail.is_broken = True
    for kind in (OpenThing, CountThing):
        with pytest.raises(UnavailableError):
            ask(stage, kind)
    assert handler.acts == ["prepare", "reveal"] * 2


def test_all_is_done_anew_where_anything_changed_meanwhile(stage: Stage, handler: OpenThingHandler) -> None:
    generations: list[int] = []

    def holds(facts: Mapping[str, Any]) -> bool:
        generations.append(facts["expected"])
        stage.policy.generation = 2
        return bool(facts["expected"] == 2)

    stage.trail.condition = holds
    assert ask(stage) == "secret of a 2"
    assert (generations, handler.acts) == ([1, 2], ["prepare", "reveal"] * 2)
    assert [entry.details["draft"] for entry in stage.trail.entries] == ["a 2"]


def test_it_is_given_up_under_policies_that_never_rest(stage: Stage, handler: OpenThingHandler) -> None:
    stage.trail.condition = lambda _: False
    with pytest.raises(PolicyChangedError):
        ask(stage)
    assert (stage.trail.entries, handler.acts.count("reveal")) == ([], 5)
