"""Two tenants at the doors (S12): over HTTP, through the whole front, with tokens and with signatures."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.acme_client import ClientKey, sign_jws
from tests.support.holders import Holder
from tests.support.instance import URL
from tests.support.sample import encode_payload
from tests.support.samples import SAMPLES, Jws, Knock, Sample
from tests.support.scene import MARK, Scene
from tests.support.things import NOWHERE, Things
from tests.support.web import Answered

_ID = re.compile(r"[a-z]+_[0-9a-v]{26}")
_AT_OUR_API = [sample for sample in SAMPLES if isinstance(sample.knock, Knock)]
_AT_ACME = [sample for sample in SAMPLES if isinstance(sample.knock, Jws)]
_TOKENS: dict[str, Callable[[Scene], str]] = {
    "administrator-of-B": lambda scene: scene.b.token,
    "without-a-role": lambda scene: scene.nobody.token,
}
#: newAccount, newOrder and newAuthz name nothing that could be another's: any key may knock at an open
#: directory.
_ACME_THINGS = [
    sample
    for sample in _AT_ACME
    if sample.name not in {"create-account", "create-order", "create-authorization"}
]


def knock(scene: Scene, sample: Sample, things: Things, token: str) -> Answered:
    """Send the sample's request about these things."""
    assert isinstance(sample.knock, Knock)
    return scene.run(
        scene.instance.send(
            sample.knock.method, sample.knock.target(things), body=sample.knock.content(things), token=token
        )
    )


def post(
    scene: Scene, directory: str, target: str, key: ClientKey, payload: bytes | None, kid: str
) -> Answered:
    """POST a signed request to a directory; `kid` names the account, or nobody: then the key signs."""
    nonce = scene.run(scene.instance.send("HEAD", f"/acme/{directory}/new-nonce")).headers["replay-nonce"]
    path = f"/acme/{directory}{target}"
    signer: dict[str, Any] = {"kid": f"{URL}/acme/{directory}/account/{kid}"} if kid else {"jwk": key.jwk}
    header = {"alg": key.algorithm, "nonce": nonce, "url": URL + path, **signer}
    body = sign_jws(key, payload, header)
    return scene.run(scene.instance.send("POST", path, body=body, media_type="application/jose+json"))


def acme(scene: Scene, sample: Sample, things: Things, holder: Holder, directory: str) -> Answered:
    """Send the sample's request about these things, signed by a holder's account or fresh key."""
    assert isinstance(sample.knock, Jws)
    by_key = sample.knock.signed_by_key
    payload = None if sample.knock.payload is None else encode_payload(sample.knock.payload(things))
    return post(
        scene,
        directory,
        sample.knock.target(things),
        holder.new_account_key if by_key else holder.account_key,
        payload,
        "" if by_key else holder.things.account,
    )


def told(answered: Answered, asked: Things) -> tuple[int, str]:
    """Return what an answer tells, without what was asked with and what is new each time."""
    text = answered.body.decode("utf-8", "replace")
    for name in sorted(asked.names(), key=len, reverse=True):
        text = text.replace(name, "…")
    return answered.status, _ID.sub("…", text)


def shows(answered: Answered, hidden: Things, asked: Things) -> list[str]:
    """Return the hidden names that stand in head or body of an answer, but those that were asked with."""
    text = answered.body.decode("utf-8", "replace") + repr(answered.headers)
    for name in sorted(asked.names(), key=len, reverse=True):
        text = text.replace(name, "")
    return [name for name in (MARK, *sorted(hidden.names())) if name in text]


@pytest.mark.parametrize("sample", _AT_OUR_API, ids=lambda sample: sample.name)
def test_its_request_is_one_that_would_be_done(scene: Scene, sample: Sample) -> None:
    scene.instance.database.commits_fail = True
    token = scene.a.token if sample.by.value == "machine" else scene.instance.admin_token
    answered = knock(scene, sample, scene.a.things, token)
    assert answered.status == (200 if sample.operation.reads else 503), answered.body


@pytest.mark.parametrize("sample", _AT_ACME, ids=lambda sample: sample.name)
def test_its_signed_request_is_one_that_would_be_done(scene: Scene, sample: Sample) -> None:
    scene.instance.database.commits_fail = True
    answered = acme(scene, sample, scene.a.things, scene.a, scene.a.things.directory_slug)
    # A read too: its nonce is used up in the transaction of its line of the trail (S16).
    assert answered.status == 503, answered.body


@pytest.mark.parametrize("naming", [lambda things: things, Things.by_slug], ids=["by-id", "by-slug"])
@pytest.mark.parametrize("stranger", _TOKENS)
@pytest.mark.parametrize(
    "sample", [sample for sample in _AT_OUR_API if sample.is_in_a_place], ids=lambda sample: sample.name
)
def test_the_tenant_of_another_is_nowhere(
    scene: Scene, sample: Sample, stranger: str, naming: Callable[[Things], Things]
) -> None:
    token, theirs, nowhere = _TOKENS[stranger](scene), naming(scene.a.things), naming(NOWHERE)
    before = scene.instance.rows()
    answered = knock(scene, sample, theirs, token)
    absent = knock(scene, sample, nowhere, token)
    assert answered.status == 404
    assert (answered.body, answered.headers) == (absent.body, absent.headers)
    assert shows(answered, scene.a.things, NOWHERE) == []
    assert scene.instance.rows() == before


@pytest.mark.parametrize(
    "sample",
    [sample for sample in _AT_OUR_API if sample.is_in_a_place and sample.names_things],
    ids=lambda sample: sample.name,
)
def test_a_thing_of_another_is_nowhere_in_ones_own_tenant(scene: Scene, sample: Sample) -> None:
    theirs, nowhere = scene.a.things.inside(scene.b.things), NOWHERE.inside(scene.b.things)
    before = scene.instance.rows()
    scene.instance.database.commits_fail = True
    answered = knock(scene, sample, theirs, scene.b.token)
    assert told(answered, theirs) == told(knock(scene, sample, nowhere, scene.b.token), nowhere)
    assert shows(answered, scene.a.things, theirs) == []
    assert scene.instance.rows() == before


@pytest.mark.parametrize("stranger", _TOKENS)
@pytest.mark.parametrize(
    "sample", [sample for sample in _AT_OUR_API if not sample.is_in_a_place], ids=lambda sample: sample.name
)
def test_what_is_asked_of_the_instance_tells_nothing_of_a_tenant_one_may_not_see(
    scene: Scene, sample: Sample, stranger: str
) -> None:
    hidden = scene.a.things if stranger == "administrator-of-B" else scene.b.things
    scene.instance.database.commits_fail = True
    answered = knock(scene, sample, scene.a.things, _TOKENS[stranger](scene))
    text = answered.body.decode()
    assert not any(name in text for name in hidden.names())


@pytest.mark.parametrize("sample", _AT_OUR_API, ids=lambda sample: sample.name)
def test_without_a_token_nothing_is_told_from_nowhere(scene: Scene, sample: Sample) -> None:
    before = scene.instance.rows()
    answered, absent = (knock(scene, sample, things, "") for things in (scene.a.things, NOWHERE))
    assert answered.status == 401
    assert (answered.body, answered.headers) == (absent.body, absent.headers)
    assert scene.instance.rows() == before


@pytest.mark.parametrize("sample", _ACME_THINGS, ids=lambda sample: sample.name)
def test_a_thing_of_another_directory_is_nowhere_in_ones_own(scene: Scene, sample: Sample) -> None:
    own = scene.b.things.directory_slug
    before = scene.instance.rows()
    answered = acme(scene, sample, scene.a.things, scene.b, own)
    absent = acme(scene, sample, NOWHERE, scene.b, own)
    assert answered.status >= 400
    assert (answered.status, answered.body) == (absent.status, absent.body)
    assert shows(answered, scene.a.things, NOWHERE) == []
    assert scene.instance.rows() == before


@pytest.mark.parametrize("sample", _ACME_THINGS, ids=lambda sample: sample.name)
def test_an_account_of_another_directory_does_not_exist(scene: Scene, sample: Sample) -> None:
    there = scene.a.things.directory_slug
    before = scene.instance.rows()
    answered = acme(scene, sample, scene.a.things, scene.b, there)
    absent = acme(scene, sample, NOWHERE, scene.b, there)
    assert answered.status in {400, 404}
    assert (answered.status, answered.body) == (absent.status, absent.body)
    assert scene.instance.rows() == before


def test_an_account_of_another_cannot_be_named_with_ones_own_key(scene: Scene) -> None:
    own = scene.b.things.directory_slug
    target = f"/account/{scene.a.things.account}"
    theirs = post(scene, own, target, scene.b.account_key, None, scene.a.things.account)
    nowhere = post(scene, own, target, scene.b.account_key, None, NOWHERE.account)
    assert theirs.json()["type"].endswith(":accountDoesNotExist")
    assert (theirs.status, theirs.body) == (nowhere.status, nowhere.body)


def test_a_login_with_the_client_id_of_another_is_refused_like_any_other(scene: Scene) -> None:
    def log_in(client_id: str) -> Answered:
        body = encode_payload({"client_id": client_id, "client_secret": scene.b.client_secret.reveal()})
        return scene.run(scene.instance.send("POST", "/v1/auth/universal/login", body=body))

    theirs, nowhere = log_in(scene.a.things.identity), log_in(NOWHERE.identity)
    assert theirs.status == 401
    assert (theirs.body, theirs.headers) == (nowhere.body, nowhere.headers)
    scene.instance.database.commits_fail = True
    assert log_in(scene.b.things.identity).status == 503, "with B's own client id it would be one"
