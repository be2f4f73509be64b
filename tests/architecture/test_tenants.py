"""Two tenants at the gate (S12): what is another's answers like what is nowhere, whatever is asked."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from ca_service.gate.caller import Caller
from ca_service.kernel.errors import KeywrightError
from tests.support.sample import JOBS
from tests.support.samples import IN_A_PLACE, OF_THE_INSTANCE, ON_THINGS, By, Sample
from tests.support.scene import MARK, Scene, refused
from tests.support.things import NOWHERE, Things

_ID = re.compile(r"[a-z]+_[0-9a-v]{26}")
#: Whose rightful caller is somebody of a tenant and not the administrator of the instance.
_INSIDERS = {By.ACCOUNT, By.NEW_KEY, By.CERTIFICATE_KEY, *JOBS}
_STRANGERS: dict[str, Callable[[Scene, Sample], Caller]] = {
    "administrator-of-B": lambda scene, sample: scene.b.machine,
    "without-a-role": lambda scene, sample: scene.nobody.caller,
    "of-the-same-kind-in-B": lambda scene, sample: sample.caller(scene.b),
}


def _cases(samples: tuple[Sample, ...], *strangers: str) -> list[Any]:
    """Return each sample with each stranger; one of the same kind only where that is no administrator."""
    return [
        pytest.param(stranger, sample, id=f"{stranger}-{sample.name}")
        for stranger in strangers
        for sample in samples
        if stranger != "of-the-same-kind-in-B" or sample.by in _INSIDERS
    ]


def shows_nothing_of(things: Things, answer: str, asked: Things) -> bool:
    """Tell whether no name of these things stands in an answer, but those that were asked with."""
    text = answer
    for name in asked.names():
        text = text.replace(name, "")
    return MARK not in text and not any(name in text for name in things.names())


@pytest.mark.parametrize("naming", [lambda things: things, Things.by_slug], ids=["by-id", "by-slug"])
@pytest.mark.parametrize(
    ("stranger", "sample"),
    _cases(IN_A_PLACE, "administrator-of-B", "without-a-role", "of-the-same-kind-in-B"),
)
def test_the_tenant_of_another_is_nowhere(
    scene: Scene, stranger: str, sample: Sample, naming: Callable[[Things], Things]
) -> None:
    caller, theirs = _STRANGERS[stranger](scene, sample), naming(scene.a.things)
    before = scene.instance.rows()
    status, problem = scene.refusal(sample.ask(theirs), caller)
    assert (status, problem) == scene.refusal(sample.ask(naming(NOWHERE)), caller)
    assert status == 404
    assert scene.instance.rows() == before
    assert shows_nothing_of(scene.a.things, problem.decode(), NOWHERE)


@pytest.mark.parametrize(
    ("stranger", "sample"), _cases(ON_THINGS, "administrator-of-B", "of-the-same-kind-in-B")
)
def test_a_thing_of_another_is_nowhere_in_ones_own_tenant(
    scene: Scene, stranger: str, sample: Sample
) -> None:
    caller, own = _STRANGERS[stranger](scene, sample), scene.b.things
    theirs, nowhere = scene.a.things.inside(own), NOWHERE.inside(own)
    before = scene.instance.rows()
    # What would be done is not: only whether it would is compared.
    scene.instance.database.commits_fail = True
    outcomes = [scene.outcome(sample.ask(things), caller) for things in (theirs, nowhere)]
    assert _alike(outcomes[0], theirs) == _alike(outcomes[1], nowhere)
    assert scene.instance.rows() == before
    assert shows_nothing_of(scene.a.things, repr(outcomes[0]), theirs)


@pytest.mark.parametrize("sample", ON_THINGS, ids=lambda sample: sample.name)
def test_who_lives_in_a_project_without_a_role_learns_nothing_of_what_is_in_it(
    scene: Scene, sample: Sample
) -> None:
    caller, there = scene.lodger.caller, scene.a.things
    nowhere = NOWHERE.inside(there)
    before = scene.instance.rows()
    answered = scene.refusal(sample.ask(there), caller)
    assert answered == scene.refusal(sample.ask(nowhere), caller)
    assert scene.instance.rows() == before


@pytest.mark.parametrize(
    ("stranger", "sample"), _cases(OF_THE_INSTANCE, "administrator-of-B", "without-a-role")
)
def test_what_is_asked_of_the_instance_tells_nothing_of_a_tenant_one_may_not_see(
    scene: Scene, stranger: str, sample: Sample
) -> None:
    caller = _STRANGERS[stranger](scene, sample)
    scene.instance.database.commits_fail = True
    before = scene.instance.rows()
    outcome = scene.outcome(sample.ask(scene.a.things), caller)
    assert scene.instance.rows() == before
    hidden = scene.a.things if stranger == "administrator-of-B" else scene.b.things
    told = str(outcome) if isinstance(outcome, KeywrightError) else repr(outcome)
    assert not any(name in told for name in hidden.names())


def _alike(outcome: Any, asked: Things) -> object:
    """Return an outcome without what was asked with, and without ids that are new each time."""
    if isinstance(outcome, KeywrightError):
        status, problem = refused(outcome)
        text = f"{status} {problem.decode()}"
    else:
        text = repr(outcome)
    for name in sorted(asked.names(), key=len, reverse=True):
        text = text.replace(name, "…")
    return _ID.sub("…", text)
