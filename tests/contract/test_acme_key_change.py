"""keyChange over HTTP, on both engines (RFC 8555 section 7.3.5); each refusal by itself."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca_service.database.port import Database
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr, sign_jws
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.kernel import FakeClock

JOSE = {"Content-Type": "application/jose+json"}


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


class Change:
    """A good key change, of which a test spoils one thing."""

    def __init__(self, client: AcmeClient, new: ClientKey | None = None) -> None:
        self.client = client
        self.new = new or ClientKey.new()
        self.signer = self.new
        self.url = client.directory["keyChange"]
        self.header: dict[str, Any] = {"alg": self.new.algorithm, "jwk": self.new.jwk, "url": self.url}
        self.statement: Any = {"account": client.kid, "oldKey": client.key.jwk}
        self.outer: dict[str, Any] = {}

    def inner(self) -> Any:
        return json.loads(sign_jws(self.signer, json.dumps(self.statement).encode(), self.header))

    def send(self, **outer: Any) -> Reply:
        return self.client.post(self.url, self.inner(), **outer)


def test_the_directory_lists_the_address(client: AcmeClient) -> None:
    assert client.directory["keyChange"].endswith("/acme/default/key-change")


def test_a_good_change_answers_the_account(client: AcmeClient) -> None:
    reply = Change(client).send()
    assert (reply.status, reply.json()["status"], reply.header("location")) == (200, "valid", client.kid)


def test_the_old_key_fails_at_the_next_request_and_the_new_one_works(client: AcmeClient) -> None:
    old, kid = client.key, client.kid or ""
    assert client.change_key(ClientKey.new()).status == 200
    assert client.post(kid, key=old).problem == "unauthorized"
    assert client.post(kid).status == 200


def test_the_old_key_fails_on_a_worker_that_knew_it(
    runner: asyncio.Runner, database: Database, clock: FakeClock, stack: AcmeStack, client: AcmeClient
) -> None:
    """Given two workers over one database, when the key is changed at one, the other asks the database."""
    other = AcmeStack(runner, database, clock, is_first=False)
    old, kid = client.key, client.kid or ""
    elsewhere = AcmeClient(other.send, f"{kid.partition('/account/')[0]}/directory", old)
    elsewhere.kid = kid
    assert elsewhere.post(kid).status == 200
    assert client.change_key(ClientKey.new()).status == 200
    assert elsewhere.post(kid).problem == "unauthorized"
    elsewhere.key = client.key
    assert elsewhere.post(kid).status == 200


def test_the_old_key_has_no_account_any_more(stack: AcmeStack, client: AcmeClient) -> None:
    old = client.key
    client.change_key(ClientKey.new())
    assert stack.client(key=old).register(onlyReturnExisting=True).problem == "accountDoesNotExist"


def test_the_new_key_finds_the_account(stack: AcmeStack, client: AcmeClient) -> None:
    client.change_key(ClientKey.new())
    found = stack.client(key=client.key).register(onlyReturnExisting=True)
    assert (found.status, found.header("location")) == (200, client.kid)


def test_orders_and_authorizations_survive(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    stack.prove(client, order)
    client.change_key(ClientKey.new())
    done = client.post(order.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    assert (done.status, done.json()["status"]) == (200, "valid")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ClientKey.new(ec.SECP384R1()),
        lambda: ClientKey(ed25519.Ed25519PrivateKey.generate()),
        lambda: ClientKey(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_the_new_key_may_be_of_another_type(client: AcmeClient, make: Callable[[], ClientKey]) -> None:
    assert client.change_key(make()).status == 200
    assert client.post(client.kid or "").status == 200


# ---------------------------------------------------------------- refusals


def _nonce(change: Change) -> None:
    change.header["nonce"] = change.client.nonce()


def _no_jwk(change: Change) -> None:
    del change.header["jwk"]


def _kid(change: Change) -> None:
    del change.header["jwk"]
    change.header["kid"] = change.client.kid


def _jwk_and_kid(change: Change) -> None:
    change.header["kid"] = change.client.kid


def _crit(change: Change) -> None:
    change.header["crit"] = ["b64"]


def _other_url(change: Change) -> None:
    change.header["url"] = change.client.directory["newOrder"]


def _no_url(change: Change) -> None:
    del change.header["url"]


def _other_account(change: Change) -> None:
    change.statement["account"] = f"{change.client.kid}x"


def _no_account(change: Change) -> None:
    del change.statement["account"]


def _other_old_key(change: Change) -> None:
    change.statement["oldKey"] = ClientKey.new().jwk


def _no_old_key(change: Change) -> None:
    del change.statement["oldKey"]


def _old_key_is_text(change: Change) -> None:
    change.statement["oldKey"] = "key"


def _private_old_key(change: Change) -> None:
    change.statement["oldKey"] = {**change.client.key.jwk, "d": "AAAA"}


def _same_key(change: Change) -> None:
    change.signer, change.header["jwk"] = change.client.key, change.client.key.jwk


def _signed_by_the_old_key(change: Change) -> None:
    change.signer = change.client.key


def _signed_by_a_third_key(change: Change) -> None:
    change.signer = ClientKey.new()


def _statement_is_a_list(change: Change) -> None:
    change.statement = []


@pytest.mark.parametrize(
    "spoil",
    [
        _nonce,
        _no_jwk,
        _kid,
        _jwk_and_kid,
        _crit,
        _other_url,
        _no_url,
        _other_account,
        _no_account,
        _other_old_key,
        _no_old_key,
        _old_key_is_text,
        _private_old_key,
        _same_key,
        _signed_by_the_old_key,
        _signed_by_a_third_key,
        _statement_is_a_list,
    ],
    ids=lambda spoil: spoil.__name__.strip("_"),
)
def test_a_change_that_does_not_hold_together_is_malformed(
    client: AcmeClient, spoil: Callable[[Change], None]
) -> None:
    change = Change(client)
    spoil(change)
    reply = change.send()
    assert (reply.status, reply.problem) == (400, "malformed")
    assert client.post(client.kid or "").status == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda inner: {**inner, "payload": b64(b"{}")},
        lambda inner: {**inner, "signature": b64(b"\0" * 64)},
        lambda inner: {**inner, "header": {}},
        lambda inner: {"payload": inner["payload"], "signatures": [inner]},
        lambda inner: {**inner, "protected": inner["protected"] + "="},
        lambda inner: {name: inner[name] for name in ("protected", "payload")},
        lambda inner: {**inner, "payload": 5},
        lambda inner: {},
    ],
    ids=["payload", "signature", "header", "general", "padding", "unsigned", "number", "empty"],
)
def test_an_inner_jws_of_another_shape_is_malformed(client: AcmeClient, spoil: Callable[[Any], Any]) -> None:
    change = Change(client)
    reply = client.post(change.url, spoil(change.inner()))
    assert (reply.status, reply.problem) == (400, "malformed")


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA"},
        {"kty": "RSA", "e": "AQAB", "n": b64(b"\xff" * 128)},
        {"kty": "RSA", "e": "AQAB", "n": b64(b"\xff" * 1024)},
    ],
    ids=["secret", "curve", "short", "long"],
)
def test_a_weak_new_key_is_a_bad_public_key(client: AcmeClient, jwk: dict[str, str]) -> None:
    change = Change(client)
    change.header["jwk"] = jwk
    assert change.send().problem == "badPublicKey"


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES384"])
def test_the_algorithm_is_one_of_ours_and_the_keys(client: AcmeClient, algorithm: str) -> None:
    change = Change(client)
    change.header["alg"] = algorithm
    assert change.send().problem == "badSignatureAlgorithm"


def test_a_key_of_another_account_is_answered_409_with_its_address(
    stack: AcmeStack, client: AcmeClient
) -> None:
    other = stack.account()
    reply = Change(client, other.key).send()
    assert (reply.status, reply.problem, reply.header("location")) == (409, "malformed", other.kid)


def test_the_key_of_a_deactivated_account_stays_taken(stack: AcmeStack, client: AcmeClient) -> None:
    other = stack.account()
    other.post(other.kid or "", {"status": "deactivated"})
    assert Change(client, other.key).send().status == 409


def test_a_key_of_an_account_of_another_directory_is_free(stack: AcmeStack, client: AcmeClient) -> None:
    stack.add_directory("second")
    other = stack.account("https://ca.example/acme/second/directory")
    assert Change(client, other.key).send().status == 200


def test_a_request_signed_by_a_key_is_refused(client: AcmeClient) -> None:
    change = Change(client)
    assert change.send(kid=None, jwk=client.key.jwk).problem == "malformed"


def test_a_request_without_payload_is_refused(client: AcmeClient) -> None:
    assert client.post(client.directory["keyChange"]).problem == "malformed"


# ---------------------------------------------------------------- at the same time


def at_once(stack: AcmeStack, url: str, bodies: list[bytes]) -> list[Reply]:
    async def all_of_them() -> list[Reply]:
        return await asyncio.gather(*(stack.exchange("POST", url, JOSE, body) for body in bodies))

    return stack.runner.run(all_of_them())


def test_of_many_changes_at_once_exactly_one_wins(stack: AcmeStack, client: AcmeClient) -> None:
    changes = [Change(client) for _ in range(5)]
    url = client.directory["keyChange"]
    bodies = [
        sign_jws(client.key, json.dumps(change.inner()).encode(), client.header(url)) for change in changes
    ]
    replies = at_once(stack, url, bodies)
    statuses = sorted(reply.status for reply in replies)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {403, 409}
    [winner] = [change for change, reply in zip(changes, replies, strict=True) if reply.status == 200]
    assert client.post(client.kid or "", key=winner.new).status == 200


def test_of_two_accounts_that_want_one_key_exactly_one_gets_it(stack: AcmeStack) -> None:
    first, second, new = stack.account(), stack.account(), ClientKey.new()
    url = first.directory["keyChange"]
    bodies = [
        sign_jws(each.key, json.dumps(Change(each, new).inner()).encode(), each.header(url))
        for each in (first, second)
    ]
    replies = at_once(stack, url, bodies)
    assert sorted(reply.status for reply in replies) == [200, 409]
    assert stack.client(key=new).register(onlyReturnExisting=True).status == 200


def test_a_change_is_in_the_trail_with_both_thumbprints(stack: AcmeStack, client: AcmeClient) -> None:
    old, new = client.key, ClientKey.new()
    client.change_key(new)
    [entry] = [each for each in stack.trail.entries if each.action == "acme:change-key"]
    assert (entry.details["old"], entry.details["new"]) == (old.thumbprint, new.thumbprint)
