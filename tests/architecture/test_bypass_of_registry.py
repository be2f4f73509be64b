"""Nothing passes the gate undecided, unaudited or uncommitted: over the real registry and its handlers."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ca_service.gate.operation import Operation
from tests.support import bypass
from tests.support.bypass import Bench
from tests.support.faults import FailedCommitError
from tests.support.samples import SAMPLES, Sample
from tests.support.scene import Scene

#: What the gate itself asks before a handler is reached; permitted here, so that the handler's own questions
#: are what refuses.
_SEEING = frozenset({"governance:read-project", "governance:read-organization"})
#: What stands behind another operation's door and is decided again as its child.
_CHILDREN = {
    "finalize-order": "x509:issue",
    "renew-certificate": "x509:issue",
    "revoke-issued-by-account": "x509:revoke",
    "revoke-issued-by-key": "x509:revoke",
    "create-open-directory": "policy:write",
}
over_the_registry = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
Check = Callable[[Bench, bypass.Sample], Coroutine[Any, Any, None]]


#: The only operations that change the world outside.
_EXTERNAL = {
    "validate-challenge",
    "deliver-event",
    "create-lease",
    "renew-lease",
    "revoke-lease",
    "end-due-lease",
    "reconcile-dynamic-secret",
}


def acts_of(sample: Sample) -> tuple[str, ...]:
    """Return the acts of the sample's handler; `test_registry` sees to it that `reads` tells the truth."""
    if sample.operation.__module__ == "secrets_core.kms.operations.uses":
        return ("prepare", "reveal")
    if sample.operation.reads:
        return ("prepare",)
    return (
        ("prepare", "intend", "effect", "record")
        if sample.name in _EXTERNAL
        else ("prepare", "sign", "record")
    )


def bench_over(scene: Scene) -> Bench:
    """Return the bench of the whole service."""
    instance = scene.instance

    async def snapshot() -> object:
        return instance.rows()

    return Bench(
        instance.gate.perform,
        instance.handlers,
        instance.policy,
        instance.trail,
        instance.database,
        snapshot,
    )


def asked(scene: Scene, sample: Sample) -> bypass.Sample:
    """Return the sample as its rightful caller asks it of tenant A."""
    operation: Operation[Any] = sample.ask(scene.a.things)
    return bypass.Sample(sample.name, operation, sample.caller(scene.a))


@over_the_registry
def test_it_is_done_up_to_its_commit_when_nothing_is_broken(scene: Scene, sample: Sample) -> None:
    scene.instance.database.commits_fail = True
    outcome = scene.run(bypass.attempt(bench_over(scene), asked(scene, sample)))
    if sample.operation.reads:
        assert outcome[1] is None
        assert scene.instance.trail.outcomes() == ["done"]
    else:
        assert isinstance(outcome[1], FailedCommitError)


@over_the_registry
def test_a_denied_caller_changes_nothing_and_is_in_the_trail(scene: Scene, sample: Sample) -> None:
    scene.instance.policy.still_allowed = _SEEING - {sample.operation.action}
    scene.run(bypass.check_denied_caller(bench_over(scene), asked(scene, sample)))


@over_the_registry
def test_a_denial_names_operation_and_caller(scene: Scene, sample: Sample) -> None:
    scene.instance.policy.denied = {sample.operation.action}
    scene.run(bypass.attempt(bench_over(scene), asked(scene, sample)))
    [entry] = scene.instance.trail.entries
    assert (entry.action, entry.outcome.value) == (sample.operation.action, "denied")
    assert f'"{sample.caller(scene.a).id}"' in entry.caller


@pytest.mark.parametrize(
    "sample", [sample for sample in SAMPLES if sample.name in _CHILDREN], ids=lambda sample: sample.name
)
def test_a_denied_child_denies_its_parent(scene: Scene, sample: Sample) -> None:
    before = scene.instance.rows()
    scene.instance.policy.denied = {_CHILDREN[sample.name]}
    answer, error = scene.run(bypass.attempt(bench_over(scene), asked(scene, sample)))
    assert (answer, error is None) == (None, False)
    assert scene.instance.trail.outcomes() == ["denied"]
    assert scene.instance.rows() == before


@over_the_registry
def test_without_a_trail_nothing_is_answered(scene: Scene, sample: Sample) -> None:
    scene.run(bypass.check_broken_trail(bench_over(scene), asked(scene, sample)))


@over_the_registry
def test_without_a_commit_nothing_is_answered(scene: Scene, sample: Sample) -> None:
    scene.run(bypass.check_failed_commit(bench_over(scene), asked(scene, sample)))


@pytest.mark.parametrize(
    ("sample", "act"),
    [(sample, act) for sample in SAMPLES for act in acts_of(sample)],
    ids=lambda value: value.name if isinstance(value, Sample) else value,
)
def test_a_crash_after_an_act_releases_nothing(scene: Scene, sample: Sample, act: str) -> None:
    scene.run(bypass.check_crash_after(bench_over(scene), asked(scene, sample), act))


@over_the_registry
def test_a_right_removed_before_the_commit_is_gone(scene: Scene, sample: Sample) -> None:
    scene.run(bypass.check_right_removed_meanwhile(bench_over(scene), asked(scene, sample)))
