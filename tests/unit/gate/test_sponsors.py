"""A caller that acts on behalf of an identity is decided as both (S2)."""

import asyncio

import msgspec
import pytest

from ca_service.gate.caller import Caller
from ca_service.gate.errors import CeilingError, PolicyChangedError
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Obligations
from tests.support.fakes.gate import hours, make_caller
from tests.support.gate_samples import REQUEST, MakePair, MakeThing, ReadThing, Stage

ACCOUNT = msgspec.structs.replace(make_caller("acc_1"), on_behalf_of=make_caller("idn_sponsor"))
THING = MakeThing(project="one", name="a")


def perform(stage: Stage, operation: MakeThing | ReadThing | MakePair, caller: Caller = ACCOUNT) -> object:
    return asyncio.run(stage.gate.perform(caller, operation, REQUEST)).answer


def asked(stage: Stage, action: str) -> list[str]:
    return [principal.entity.id for principal, access in stage.policy.asked if access.action == action]


def test_both_are_asked_every_question() -> None:
    stage = Stage()
    stage.make.questions = 2
    perform(stage, THING)
    assert asked(stage, "sample:make") == ["acc_1", "acc_1", "idn_sponsor", "idn_sponsor"]


def test_what_takes_no_sponsor_is_asked_of_the_caller_alone() -> None:
    stage = Stage()
    perform(stage, ReadThing(project="one", name="a"))
    assert asked(stage, "sample:read") == ["acc_1"]


def test_a_child_that_takes_a_sponsor_is_asked_of_both() -> None:
    stage = Stage()
    perform(stage, MakePair(project="one", first="a", second="b"))
    assert asked(stage, "sample:pair") == ["acc_1"]
    assert asked(stage, "sample:make") == ["acc_1", "idn_sponsor"]


@pytest.mark.parametrize("refused", ["acc_1", "idn_sponsor"])
def test_neither_may_be_refused(refused: str) -> None:
    stage = Stage()
    stage.policy.denied_principals = {refused}
    with pytest.raises(NotFoundError):
        perform(stage, THING)
    assert stage.log == ["prepare"]
    assert stage.trail.outcomes() == ["denied"]


def test_the_trail_says_that_the_sponsor_was_refused_and_who_called() -> None:
    stage = Stage()
    stage.policy.denied_principals = {"idn_sponsor"}
    with pytest.raises(NotFoundError):
        perform(stage, THING)
    [entry] = stage.trail.entries
    assert entry.caller == 'Identity::"acc_1"'
    assert entry.details["denied"]["principal"] == 'Identity::"idn_sponsor"'


def test_the_trail_says_for_whom_a_thing_was_done() -> None:
    stage = Stage()
    perform(stage, THING)
    assert stage.trail.entries[0].details["on_behalf_of"] == 'Identity::"idn_sponsor"'


def test_the_strictest_ceiling_of_both_counts() -> None:
    stage = Stage()
    stage.policy.obligations["sample:make"] = Obligations(max_ttl=hours(2))
    with pytest.raises(CeilingError):
        perform(stage, MakeThing(project="one", name="a", ttl=hours(3)))


def test_rights_of_the_sponsor_that_changed_meanwhile_end_the_operation() -> None:
    """Without a source of callers the gate cannot know the sponsor's rights again (S14)."""
    stage = Stage()
    sponsor = make_caller("idn_sponsor", generation=1)
    stage.policy.stale_confirmations = 1
    with pytest.raises(PolicyChangedError):
        perform(stage, THING, msgspec.structs.replace(ACCOUNT, on_behalf_of=sponsor))
    assert stage.database.rows == []


def test_an_operation_rests_on_the_oldest_generation_of_caller_and_sponsor() -> None:
    stage = Stage()
    stage.policy.generation = 5
    sponsor = make_caller("idn_sponsor", generation=4)
    with pytest.raises(PolicyChangedError):
        perform(stage, THING, msgspec.structs.replace(ACCOUNT, on_behalf_of=sponsor))
