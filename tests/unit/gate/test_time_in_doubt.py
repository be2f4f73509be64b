"""While time is in doubt the gate changes nothing but what takes away (S23)."""

import asyncio
from typing import Any, ClassVar

import pytest

from ca_service.gate.errors import TimeInDoubtError
from tests.support.fakes.gate import make_caller
from tests.support.gate_samples import REQUEST, MakeThing, PlaceHandler, ReadThing, Reset, Stage


class TakeAway(Reset, frozen=True, kw_only=True):
    """An operation that ends a right."""

    takes_away: ClassVar[bool] = True


@pytest.fixture
def stage() -> Stage:
    made = Stage(extra={TakeAway: PlaceHandler()})
    made.database.doubt = "The clock is wrong."
    return made


def perform(stage: Stage, operation: Any) -> Any:
    return asyncio.run(stage.gate.perform(make_caller(), operation, REQUEST)).answer


def test_nothing_is_signed_and_the_reason_is_told(stage: Stage) -> None:
    with pytest.raises(TimeInDoubtError, match="The clock is wrong"):
        perform(stage, MakeThing(project="one", name="a"))
    assert stage.log == ["prepare"]


def test_a_read_is_answered(stage: Stage) -> None:
    assert perform(stage, ReadThing(project="one", name="a")) == "value of a"


def test_what_takes_away_is_done(stage: Stage) -> None:
    assert perform(stage, TakeAway()) == "done"


def test_it_goes_on_when_time_is_right_again(stage: Stage) -> None:
    stage.database.doubt = None
    assert perform(stage, MakeThing(project="one", name="a")).id == "a"
