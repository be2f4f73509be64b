"""Nothing passes the gate undecided, unaudited or uncommitted: over samples of every shape."""

from typing import Any

import pytest

from ca_service.gate.operation import Operation
from ca_service.gate.performance import AnyHandler
from tests.support.bypass import (
    Bench,
    BreakableDatabase,
    Sample,
    check_broken_trail,
    check_crash_after,
    check_denied_caller,
    check_failed_commit,
    check_right_removed_meanwhile,
    check_success,
)
from tests.support.fakes.gate import FakeDatabase, make_caller
from tests.support.fakes.kernel import FakeClock
from tests.support.gate_samples import (
    MakePair,
    MakeThing,
    ReachOut,
    ReadThing,
    RenameOrganization,
    Reset,
    Stage,
)

SAMPLES = [
    Sample("a change", MakeThing(project="one", name="a"), make_caller()),
    Sample("a read", ReadThing(project="one", name="a"), make_caller()),
    Sample("a parent with a child", MakePair(project="one", first="a", second="b"), make_caller()),
    Sample("a change of the world outside", ReachOut(project="one", name="a"), make_caller()),
    Sample("an operation on an organization", RenameOrganization(organization="org_1"), make_caller()),
    Sample("an operation on the instance", Reset(), make_caller()),
    Sample("a change in a project one does not live in", MakeThing(project="two", name="a"), make_caller()),
]
over_all_samples = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


@pytest.fixture
def bench() -> Bench:
    """A gate over fakes whose registry can be watched."""
    clock = FakeClock()
    kept = FakeDatabase(clock)
    database = BreakableDatabase(kept)
    stage = Stage(database=database, clock=clock)
    handlers: dict[type[Operation[Any]], AnyHandler] = stage.gate._handlers

    async def snapshot() -> object:
        return list(kept.rows)

    return Bench(stage.gate.perform, handlers, stage.policy, stage.trail, database, snapshot)


@over_all_samples
async def test_the_sample_succeeds_when_nothing_is_broken(bench: Bench, sample: Sample) -> None:
    await check_success(bench, sample)


@over_all_samples
async def test_a_denied_caller_changes_nothing_and_is_in_the_trail(bench: Bench, sample: Sample) -> None:
    await check_denied_caller(bench, sample)


@over_all_samples
async def test_without_a_trail_nothing_is_answered(bench: Bench, sample: Sample) -> None:
    await check_broken_trail(bench, sample)


@over_all_samples
async def test_without_a_commit_nothing_is_answered(bench: Bench, sample: Sample) -> None:
    await check_failed_commit(bench, sample)


@pytest.mark.parametrize("act", ["prepare", "sign", "intend", "effect", "record"])
@over_all_samples
async def test_a_crash_after_an_act_releases_nothing(bench: Bench, sample: Sample, act: str) -> None:
    await check_crash_after(bench, sample, act)


@over_all_samples
async def test_a_right_removed_before_the_commit_is_gone(bench: Bench, sample: Sample) -> None:
    await check_right_removed_meanwhile(bench, sample)
