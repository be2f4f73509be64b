"""What every request and every answer must look like, and each way to get it wrong (RFC 8555 section 6)."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from acme.directories import ExternalAccountRule
from ca_service.database.port import Database
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, sign_jws
from tests.support.acme_stack import DIRECTORY, URL, AcmeStack
from tests.support.fakes.kernel import FakeClock

JOSE = {"Content-Type": "application/jose+json"}
NEW_ORDER = {"identifiers": [{"type": "dns", "value": "a.example"}]}


@pytest.fixture
def stack(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, sqlite_database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


# ---------------------------------------------------------------- addresses and methods


def test_the_directory_lists_what_exists(stack: AcmeStack) -> None:
    directory = stack.client().directory
    assert {
        name: url for name, url in directory.items() if name.startswith(("new", "revoke", "key", "renewal"))
    } == {
        "newNonce": f"{URL}/acme/default/new-nonce",
        "newAccount": f"{URL}/acme/default/new-account",
        "newOrder": f"{URL}/acme/default/new-order",
        "newAuthz": f"{URL}/acme/default/new-authz",
        "revokeCert": f"{URL}/acme/default/revoke-cert",
        "keyChange": f"{URL}/acme/default/key-change",
    }


def test_the_directory_has_one_member_that_nobody_knows(stack: AcmeStack) -> None:
    first, second = stack.client().directory, stack.client().directory
    assert len(first.keys() - second.keys()) == 1


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
def test_a_nonce_comes_by_both_methods(stack: AcmeStack, method: str, status: int) -> None:
    reply = stack.send(method, f"{URL}/acme/default/new-nonce", {}, b"")
    assert (reply.status, reply.body, reply.header("cache-control")) == (status, b"", "no-store")
    assert reply.header("replay-nonce")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "directory", "GET, HEAD, OPTIONS"),
        ("DELETE", "new-nonce", "GET, HEAD, OPTIONS"),
        ("GET", "new-order", "POST, OPTIONS"),
        ("GET", "new-account", "POST, OPTIONS"),
        ("HEAD", "order/ord_1", "POST, OPTIONS"),
        ("PUT", "account/acc_1", "POST, OPTIONS"),
        ("GET", "certificate/crt_1", "POST, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(stack: AcmeStack, method: str, path: str, allow: str) -> None:
    reply = stack.send(method, f"{URL}/acme/default/{path}", {}, b"")
    assert (reply.status, reply.header("allow")) == (405, allow)


@pytest.mark.parametrize(
    "path",
    [
        "/acme",
        "/acme/",
        "/acme/default",
        "/acme/default/",
        "/acme/default/directory/",
        "/acme/default//directory",
        "/acme/default/nothing",
        "/acme/default/order",
        "/acme/default/order/",
        "/acme/default/order/x/y",
        "/acme/default/order/x/finalize/z",
        "/acme/nowhere/directory",
        "/acme/nowhere/new-nonce",
        "/acme/DEFAULT/directory",
        '/acme/"><x/directory',
        "/acme/%ff/directory",
        "/acme/default/../default/directory",
    ],
)
def test_an_unknown_address_is_a_problem_document(stack: AcmeStack, path: str) -> None:
    reply = stack.send("GET", URL + path, {}, b"")
    assert (reply.status, reply.problem) == (404, "malformed")


def test_every_answer_but_the_directory_links_to_it(client: AcmeClient) -> None:
    replies = [client.send("HEAD", client.directory["newNonce"], {}, b""), client.order("a.example")]
    replies.append(client.post(f"{URL}/acme/default/order/none"))
    assert all(f'<{DIRECTORY}>;rel="index"' in reply.headers["link"] for reply in replies)


def test_the_directory_does_not_link_to_itself(stack: AcmeStack) -> None:
    assert "link" not in stack.send("GET", DIRECTORY, {}, b"").headers


def test_the_directory_answers_head_without_a_body(stack: AcmeStack) -> None:
    reply = stack.send("HEAD", DIRECTORY, {}, b"")
    assert (reply.status, reply.body, reply.header("content-type")) == (200, b"", "application/json")


def test_browsers_may_read_everything(client: AcmeClient) -> None:
    reply = client.order("a.example")
    assert reply.header("access-control-allow-origin") == "*"
    assert "Replay-Nonce" in reply.header("access-control-expose-headers")


def test_a_preflight_is_answered(stack: AcmeStack) -> None:
    reply = stack.send("OPTIONS", f"{URL}/acme/default/new-order", {"Origin": "https://x"}, b"")
    assert (reply.status, reply.header("access-control-allow-methods")) == (204, "POST, OPTIONS")


# ---------------------------------------------------------------- the request around the JWS


@pytest.mark.parametrize("content_type", ["", "application/json", "application/jose", "text/plain"])
def test_another_content_type_is_refused(client: AcmeClient, content_type: str) -> None:
    reply = client.post_raw(client.directory["newOrder"], b"{}", content_type)
    assert (reply.status, reply.problem) == (415, "malformed")


def test_a_body_beyond_64_kib_is_refused(client: AcmeClient) -> None:
    reply = client.post_raw(client.directory["newOrder"], b" " * 70_000)
    assert (reply.status, reply.problem) == (413, "malformed")


def test_a_body_that_is_announced_beyond_64_kib_is_refused(client: AcmeClient) -> None:
    reply = client.send("POST", client.directory["newOrder"], JOSE | {"Content-Length": "99999"}, b"")
    assert (reply.status, reply.problem) == (413, "malformed")
    assert reply.header("replay-nonce")


def test_a_nonce_among_the_http_headers_is_refused(client: AcmeClient) -> None:
    headers = JOSE | {"Replay-Nonce": client.nonce()}
    assert client.send("POST", client.directory["newOrder"], headers, b"{}").problem == "malformed"


@pytest.mark.parametrize("path", ["new-order", "order/none", "nothing", "directory", "new-account"])
def test_every_answer_to_a_post_carries_a_nonce(stack: AcmeStack, path: str) -> None:
    reply = stack.send("POST", f"{URL}/acme/default/{path}", JOSE, b"rubbish")
    assert reply.status >= 400
    assert reply.header("replay-nonce")


# ---------------------------------------------------------------- the JWS

Change = Callable[[AcmeClient, str], dict[str, Any]]
CHANGES: dict[str, tuple[Change, int, str]] = {
    "nonce missing": (lambda c, u: {"nonce": None}, 400, "badNonce"),
    "nonce empty": (lambda c, u: {"nonce": ""}, 400, "badNonce"),
    "nonce of ours with a flipped bit": (lambda c, u: {"nonce": "A" + c.nonce()[1:][::-1]}, 400, "badNonce"),
    "nonce in another alphabet": (lambda c, u: {"nonce": "!!!!"}, 400, "badNonce"),
    "url missing": (lambda c, u: {"url": None}, 400, "malformed"),
    "url of another resource": (lambda c, u: {"url": c.directory["newAccount"]}, 403, "unauthorized"),
    "url over http": (lambda c, u: {"url": u.replace("https", "http")}, 403, "unauthorized"),
    "url of another host": (lambda c, u: {"url": u.replace("ca.example", "evil")}, 403, "unauthorized"),
    "url with a slash more": (lambda c, u: {"url": u + "/"}, 403, "unauthorized"),
    "url with a query": (lambda c, u: {"url": u + "?a=b"}, 403, "unauthorized"),
    "jwk where an account is needed": (lambda c, u: {"kid": None, "jwk": c.key.jwk}, 400, "malformed"),
    "both jwk and kid": (lambda c, u: {"jwk": c.key.jwk}, 400, "malformed"),
    "neither jwk nor kid": (lambda c, u: {"kid": None}, 400, "malformed"),
    "kid of nobody": (lambda c, u: {"kid": f"{URL}/acme/default/account/acc_0"}, 400, "accountDoesNotExist"),
    "kid with a foreign prefix": (
        lambda c, u: {"kid": "https://other/acme/default/account/a"},
        400,
        "malformed",
    ),
    "kid that is an order": (lambda c, u: {"kid": f"{URL}/acme/default/order/a"}, 400, "malformed"),
    "kid that is a bare id": (lambda c, u: {"kid": (c.kid or "").rpartition("/")[2]}, 400, "malformed"),
    "kid with a slash more": (lambda c, u: {"kid": f"{c.kid}/"}, 400, "accountDoesNotExist"),
    "alg none": (lambda c, u: {"alg": "none"}, 400, "badSignatureAlgorithm"),
    "alg HS256": (lambda c, u: {"alg": "HS256"}, 400, "badSignatureAlgorithm"),
    "alg of another curve": (lambda c, u: {"alg": "ES384"}, 400, "badSignatureAlgorithm"),
    "alg of another family": (lambda c, u: {"alg": "RS256"}, 400, "badSignatureAlgorithm"),
    "crit": (lambda c, u: {"crit": ["nonce"]}, 400, "malformed"),
    "b64 false": (lambda c, u: {"b64": False}, 400, "malformed"),
    "jku": (lambda c, u: {"jku": "https://evil/keys"}, 400, "malformed"),
    "x5u": (lambda c, u: {"x5u": "https://evil/chain"}, 400, "malformed"),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_protected_header_with_a_fault_is_refused(client: AcmeClient, name: str) -> None:
    change, status, problem = CHANGES[name]
    url = client.directory["newOrder"]
    reply = client.post(url, NEW_ORDER, **change(client, url))
    assert (reply.status, reply.problem) == (status, problem)


def test_a_problem_document_has_status_and_detail(client: AcmeClient) -> None:
    reply = client.post(client.directory["newOrder"], NEW_ORDER, nonce="x")
    assert reply.json()["status"] == reply.status
    assert reply.json()["detail"].endswith(".")


def test_a_bad_algorithm_is_told_the_good_ones(client: AcmeClient) -> None:
    reply = client.post(client.directory["newOrder"], NEW_ORDER, alg="HS256")
    assert "ES256" in reply.json()["algorithms"]


def test_a_bad_nonce_brings_a_good_one(client: AcmeClient) -> None:
    url = client.directory["newOrder"]
    fresh = client.post(url, NEW_ORDER, nonce="x").header("replay-nonce")
    assert client.post(url, NEW_ORDER, nonce=fresh).status == 201


def test_a_signature_of_another_key_is_unauthorized(client: AcmeClient) -> None:
    reply = client.post(client.directory["newOrder"], NEW_ORDER, key=ClientKey.new())
    assert (reply.status, reply.problem) == (403, "unauthorized")


def test_a_payload_where_only_reading_is_possible_is_refused(client: AcmeClient) -> None:
    order = client.order("a.example")
    reply = client.post(order.header("location"), {})
    assert (reply.status, reply.problem) == (400, "malformed")


def test_no_payload_where_one_is_needed_is_refused(client: AcmeClient) -> None:
    assert client.post(client.directory["newOrder"]).problem == "malformed"


@pytest.mark.parametrize(
    "payload",
    [b"null", b"[]", b'"a"', b"{", b"\xff", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 40_000],
    ids=["null", "array", "text", "cut", "not-utf-8", "twice", "nan", "deep"],
)
def test_a_payload_that_is_no_object_is_refused(client: AcmeClient, payload: bytes) -> None:
    url = client.directory["newOrder"]
    reply = client.post_raw(url, sign_jws(client.key, payload, client.header(url)))
    assert (reply.status, reply.problem) == (400, "malformed")


# ---------------------------------------------------------------- nonces


def test_a_nonce_passes_once(client: AcmeClient) -> None:
    url, nonce = client.directory["newOrder"], client.nonce()
    replies = [client.post(url, NEW_ORDER, nonce=nonce) for _ in range(2)]
    assert [reply.problem for reply in replies] == ["", "badNonce"]


def test_a_nonce_is_used_up_by_a_request_that_is_refused_after_its_signature(client: AcmeClient) -> None:
    url, nonce = client.directory["newOrder"], client.nonce()
    replies = [client.post(url, {"identifiers": []}, nonce=nonce) for _ in range(2)]
    assert [reply.problem for reply in replies] == ["malformed", "badNonce"]


def test_a_nonce_is_not_used_up_by_a_signature_that_does_not_verify(client: AcmeClient) -> None:
    url, nonce = client.directory["newOrder"], client.nonce()
    client.post(url, NEW_ORDER, key=ClientKey.new(), nonce=nonce)
    assert client.post(url, NEW_ORDER, nonce=nonce).status == 201


def test_of_many_requests_with_one_nonce_exactly_one_passes(stack: AcmeStack, client: AcmeClient) -> None:
    url = client.directory["newOrder"]
    body = sign_jws(client.key, json.dumps(NEW_ORDER).encode(), client.header(url))

    async def at_once() -> list[Reply]:
        return await asyncio.gather(*(stack.exchange("POST", url, JOSE, body) for _ in range(8)))

    replies = stack.runner.run(at_once())
    assert sorted(reply.problem for reply in replies) == ["", *["badNonce"] * 7]


def test_a_nonce_is_good_at_another_instance(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, stack: AcmeStack, client: AcmeClient
) -> None:
    url = client.directory["newOrder"]
    nonce = stack.client().nonce()
    header = {"alg": "ES256", "nonce": nonce, "url": url, "kid": client.kid}
    assert client.post_raw(url, sign_jws(client.key, json.dumps(NEW_ORDER).encode(), header)).status == 201


def test_used_nonces_are_forgotten_when_they_are_too_old_to_return(
    stack: AcmeStack, client: AcmeClient
) -> None:
    [timer] = [each for each in stack.contribution.timers if each.name == "acme-nonces"]
    stack.clock.advance(timedelta(hours=2))
    nonce = client.nonce()
    client.post(client.directory["newOrder"], NEW_ORDER, nonce=nonce)

    async def sweep() -> None:
        await timer.run()

    stack.runner.run(sweep())
    assert client.post(client.directory["newOrder"], NEW_ORDER, nonce=nonce).problem == "badNonce"


def test_chaos_refuses_good_nonces(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock
) -> None:
    stack = AcmeStack(runner, sqlite_database, clock, reject_nonces=1.0)
    assert stack.client().register().problem == "badNonce"


# ---------------------------------------------------------------- keys of all kinds


@pytest.mark.parametrize(
    "key",
    [
        ClientKey.new(ec.SECP384R1()),
        ClientKey.new(ec.SECP521R1()),
        ClientKey(rsa.generate_private_key(65537, 2048)),
        ClientKey(rsa.generate_private_key(65537, 2048), "PS256"),
        ClientKey(ed25519.Ed25519PrivateKey.generate()),
        ClientKey(ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
    ids=lambda key: key.algorithm,
)
def test_an_account_works_with_every_kind_of_key(stack: AcmeStack, key: ClientKey) -> None:
    assert stack.account(key=key).order("a.example").status == 201


@pytest.mark.parametrize(
    ("jwk", "problem"),
    [
        (lambda key: {**key.jwk, "d": "AAAA"}, "badPublicKey"),
        (lambda key: {"kty": "oct", "k": "AAAA"}, "badPublicKey"),
        (lambda key: {**key.jwk, "x": b64(bytes(32))}, "badPublicKey"),
        (lambda key: {**key.jwk, "use": "enc"}, "malformed"),
        (lambda key: {**key.jwk, "alg": "ES512"}, "malformed"),
        (lambda key: [], "malformed"),
    ],
)
def test_a_key_that_may_own_no_account_is_refused(
    stack: AcmeStack, jwk: Callable[[ClientKey], object], problem: str
) -> None:
    client = stack.client()
    reply = client.post(client.directory["newAccount"], {}, jwk=jwk(client.key))
    assert (reply.status, reply.problem) == (400, problem)


# ---------------------------------------------------------------- directories and their aliases


@pytest.mark.parametrize(
    ("alias", "prefix"),
    [
        ("/dir", "/dir"),
        ("/api/v1/pki/acme/0b5c/directory", "/api/v1/pki/acme/0b5c"),
        ("/acme/old/directory", "/acme/old"),
        ("/directory", ""),
    ],
)
def test_an_alias_keeps_its_prefix(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, alias: str, prefix: str
) -> None:
    stack = AcmeStack(runner, sqlite_database, clock, aliases={alias: "default"})
    client = stack.account(URL + alias)
    order = client.order("a.example")
    urls = [client.kid or "", order.header("location"), order.json()["finalize"], *client.directory.values()]
    assert all(
        url.startswith(URL + prefix + "/") for url in urls if isinstance(url, str) and "rfc-editor" not in url
    )


def test_an_account_made_under_an_alias_works_under_the_directory_itself(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock
) -> None:
    stack = AcmeStack(runner, sqlite_database, clock, aliases={"/dir": "default"})
    client = stack.account(f"{URL}/dir")
    assert client.post(f"{URL}/acme/default/new-order", NEW_ORDER).status == 201


def test_an_account_of_one_directory_does_not_exist_in_another(stack: AcmeStack, client: AcmeClient) -> None:
    stack.add_directory("second")
    kid = (client.kid or "").replace("/default/", "/second/")
    reply = client.post(f"{URL}/acme/second/new-order", NEW_ORDER, kid=kid)
    assert reply.problem == "accountDoesNotExist"


def test_an_order_of_one_directory_does_not_exist_in_another(stack: AcmeStack, client: AcmeClient) -> None:
    stack.add_directory("second")
    url = client.order("a.example").header("location").replace("/default/", "/second/")
    other = stack.account(f"{URL}/acme/second/directory", client.key)
    assert other.post(url).status == 404


def test_a_directory_of_another_tenant_knows_none_of_our_accounts(
    stack: AcmeStack, client: AcmeClient
) -> None:
    stack.add_directory("theirs", project="two")
    other = stack.client(f"{URL}/acme/theirs/directory", client.key)
    assert other.register(onlyReturnExisting=True).problem == "accountDoesNotExist"


def test_a_directory_that_needs_external_accounts_says_so(stack: AcmeStack) -> None:
    stack.add_directory("closed", eab=ExternalAccountRule.REQUIRED)
    client = stack.client(f"{URL}/acme/closed/directory")
    assert client.directory["meta"]["externalAccountRequired"] is True


def test_a_directory_that_needs_external_accounts_opens_none_without(stack: AcmeStack) -> None:
    stack.add_directory("closed", eab=ExternalAccountRule.REQUIRED)
    reply = stack.client(f"{URL}/acme/closed/directory").register()
    assert (reply.status, reply.problem) == (403, "externalAccountRequired")


# ---------------------------------------------------------------- nothing is written before authentication


def test_a_request_that_does_not_verify_is_counted_and_not_written(
    stack: AcmeStack, client: AcmeClient
) -> None:
    before = len(stack.trail.entries)
    client.post(client.directory["newOrder"], NEW_ORDER, key=ClientKey.new())
    stack.runner.run(stack.app.refusals.flush())
    [entry] = stack.app.trail.entries
    assert (len(stack.trail.entries), entry.reason, entry.details["count"]) == (
        before,
        "acme_unauthorized",
        1,
    )
