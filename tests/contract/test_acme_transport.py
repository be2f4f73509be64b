"""What RFC 8555 asks of every answer: nonces, links, CORS, caching, methods, waiting."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from acme.directories import CaaMode, DirectoryRules, ExternalAccountRule
from ca_service.database.port import Database
from ca_service.web.rate_limits import Rate
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr
from tests.support.acme_stack import DIRECTORY, URL, AcmeStack
from tests.support.fakes.gate import untyped
from tests.support.fakes.kernel import FakeClock
from tests.support.web import InProcess

JOSE = {"Content-Type": "application/jose+json"}
EXPOSED = {"Link", "Location", "Replay-Nonce", "Retry-After"}
BASE = f"{URL}/acme/default"


@pytest.fixture
def stack(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, sqlite_database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def every_success(stack: AcmeStack) -> dict[str, Reply]:
    """Return one good answer of every resource that is POSTed to."""
    client = stack.client()
    replies = {"newAccount": client.register(), "newAccount again": client.register()}
    replies["order"] = order = client.order("a.example")
    replies["newAuthz"] = client.post(
        f"{BASE}/new-authz", {"identifier": {"type": "dns", "value": "b.example"}}
    )
    [authorization] = order.json()["authorizations"]
    replies["authz"] = client.post(authorization)
    challenge = client.post(authorization).json()["challenges"][0]["url"]
    replies["challenge read"] = client.post(challenge)
    stack.prove(client, order)
    replies["challenge"] = client.post(challenge, {})
    replies["order read"] = client.post(order.header("location"))
    replies["finalize"] = client.post(order.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    replies["certificate"] = client.post(replies["finalize"].json()["certificate"])
    replies["account"] = client.post(client.kid or "", {"contact": []})
    replies["orders"] = client.post(f"{client.kid}/orders")
    leaf = next(iter(stack.authority.inventory.values())).der
    replies["revokeCert"] = client.post(f"{BASE}/revoke-cert", {"certificate": b64(leaf)})
    replies["deactivation"] = client.post(client.kid or "", {"status": "deactivated"})
    return replies


def every_error(stack: AcmeStack) -> dict[str, Reply]:
    """Return one refusal of each status that the door answers a POST with."""
    client = stack.account()
    order = client.order("a.example")
    stack.prove(client, order)
    new_order = client.directory["newOrder"]
    replies = {
        "400": client.post(new_order, {"identifiers": []}),
        "400 of a JWS": client.post_raw(new_order, b"{}"),
        "400 of a path": client.post_raw(f"{BASE}/order/a%00b", b"{}"),
        "400 badNonce": client.post(new_order, {}, nonce="x"),
        "400 badCSR": client.post(order.json()["finalize"], {"csr": "AAAA"}),
        "403": client.post(new_order, {}, key=ClientKey.new()),
        "404": client.post(f"{BASE}/order/none"),
        "404 of an address": client.post_raw(f"{BASE}/nothing", b"{}"),
        "405": client.post_raw(f"{BASE}/directory", b"{}"),
        "421": client.send("POST", new_order, {**JOSE, "Host": "evil.example"}, b"{}"),
        "413": client.post_raw(new_order, b" " * 70_000),
        "415": client.post_raw(new_order, b"{}", "application/json"),
    }
    replies["500"] = _mistake(stack, client, order)
    replies["503"] = _without_a_trail(stack, client)
    stack.app = InProcess(
        stack.contribution.routes, gate=untyped(stack.gate), rates={"newOrder": Rate(0, 0.5)}
    )
    replies["429"] = client.post(new_order, {})
    return replies


def _mistake(stack: AcmeStack, client: AcmeClient, order: Reply) -> Reply:
    async def fail() -> None:
        raise RuntimeError("the secret is 1234")

    stack.authority.while_signing = fail
    return client.post(order.json()["finalize"], {"csr": b64(make_csr("a.example"))})


def _without_a_trail(stack: AcmeStack, client: AcmeClient) -> Reply:
    stack.trail.is_broken = True
    reply = client.order("b.example")
    stack.trail.is_broken = False
    return reply


# ---------------------------------------------------------------- 6.5, 7.2: nonces


def test_6_5_every_success_of_a_post_carries_a_nonce_of_its_own(stack: AcmeStack) -> None:
    replies = every_success(stack)
    assert {name: reply.status for name, reply in replies.items() if reply.status >= 300} == {}
    nonces = [reply.header("replay-nonce") for reply in replies.values()]
    assert len(set(nonces)) == len(replies)


def test_6_5_every_error_of_a_post_carries_a_nonce(stack: AcmeStack) -> None:
    replies = every_error(stack)
    assert {name: reply.status for name, reply in replies.items()} == {
        name: int(name[:3]) for name in replies
    }
    assert all(reply.header("replay-nonce") for reply in replies.values())


@pytest.mark.parametrize("alias", ["/dir", "/api/v1/pki/acme/7/directory"])
@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("new-order?a=%00", 400),
        ("order/a%00b", 400),
        ("nothing%00", 400),
        ("nothing", 404),
        ("order/a/nothing", 404),
    ],
)
def test_6_5_a_wrong_address_below_an_alias_is_refused_in_acmes_words(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, alias: str, place: str, status: int
) -> None:
    stack = AcmeStack(runner, sqlite_database, clock, aliases={alias: "default"})
    prefix = alias.removesuffix("/directory")
    reply = stack.client(URL + alias).post_raw(f"{URL}{prefix}/{place}", b"{}")
    assert (reply.status, reply.problem) == (status, "malformed")
    assert reply.header("replay-nonce")


@pytest.mark.parametrize("alias", ["/directory", "/v1/directory", "/ssh/directory", "/pki/directory", "/v1"])
def test_an_alias_beside_other_doors_takes_nothing_of_theirs(
    runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock, alias: str
) -> None:
    stack = AcmeStack(runner, sqlite_database, clock, aliases={alias: "default"})
    assert stack.account(URL + alias).order("a.example").status == 201
    reply = stack.send("GET", f"{URL}/v1/projects/one/acme/directories", {}, b"")
    assert (reply.status, reply.problem) == (401, "urn:keywright:problem:unauthenticated")


def test_a_foreign_host_is_told_nothing_of_a_directory(stack: AcmeStack) -> None:
    reply = stack.send("GET", f"{BASE}/directory", {"Host": "evil.example"}, b"")
    assert (reply.status, reply.problem) == (421, "malformed")
    assert "evil.example" not in str(reply.headers) + reply.body.decode()


def test_6_5_the_nonce_of_an_error_is_good_for_the_next_request(client: AcmeClient) -> None:
    fresh = client.post_raw(client.directory["newOrder"], b"{}").header("replay-nonce")
    assert client.post(client.kid or "", {}, nonce=fresh).status == 200


def test_6_5_1_a_nonce_is_base64url_without_padding(client: AcmeClient) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", client.nonce())


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
def test_7_2_new_nonce_answers_both_methods_and_is_not_stored(
    stack: AcmeStack, method: str, status: int
) -> None:
    first, second = (stack.send(method, f"{BASE}/new-nonce", {}, b"") for _ in range(2))
    assert (first.status, first.body, first.header("cache-control")) == (status, b"", "no-store")
    assert first.header("replay-nonce") != second.header("replay-nonce")


def test_7_1_1_the_directory_costs_no_nonce(stack: AcmeStack) -> None:
    assert "replay-nonce" not in stack.send("GET", DIRECTORY, {}, b"").headers


# ---------------------------------------------------------------- 7.1: links and locations


def test_7_1_every_answer_but_the_directory_links_to_it(stack: AcmeStack) -> None:
    replies = {**every_success(stack), **every_error(stack)}
    replies["newNonce"] = stack.send("HEAD", f"{BASE}/new-nonce", {}, b"")
    replies["preflight"] = stack.send("OPTIONS", f"{BASE}/new-order", {"Origin": "https://x"}, b"")
    lacking = [
        name for name, reply in replies.items() if f'<{DIRECTORY}>;rel="index"' not in reply.headers["link"]
    ]
    assert lacking == []
    assert "link" not in stack.send("GET", DIRECTORY, {}, b"").headers


def test_7_3_and_7_4_what_was_made_or_found_says_where_it_is(stack: AcmeStack) -> None:
    replies = every_success(stack)
    kinds = {
        name: replies[name].header("location").removeprefix(f"{BASE}/").partition("/")[0]
        for name in (
            "newAccount",
            "newAccount again",
            "account",
            "order",
            "order read",
            "finalize",
            "newAuthz",
        )
    }
    assert kinds == {
        **dict.fromkeys(("newAccount", "newAccount again", "account"), "account"),
        **dict.fromkeys(("order", "order read", "finalize"), "order"),
        "newAuthz": "authz",
    }


def test_7_5_1_a_challenge_links_up_to_its_authorization(stack: AcmeStack) -> None:
    replies = every_success(stack)
    for name in ("challenge", "challenge read"):
        [up] = [each for each in replies[name].headers["link"] if each.endswith('rel="up"')]
        assert up.startswith(f"<{BASE}/authz/")


def test_7_4_2_a_certificate_has_its_own_media_type(stack: AcmeStack) -> None:
    assert every_success(stack)["certificate"].header("content-type") == "application/pem-certificate-chain"


# ---------------------------------------------------------------- 7.1.1: the directory


def test_7_1_1_the_directory_is_plain_json_for_get_and_head(stack: AcmeStack) -> None:
    got, head = (stack.send(method, DIRECTORY, {}, b"") for method in ("GET", "HEAD"))
    assert (got.status, got.header("content-type")) == (200, "application/json")
    assert (head.status, head.body, head.header("content-type")) == (200, b"", "application/json")


def test_7_1_1_the_directory_says_what_there_is_to_say(stack: AcmeStack) -> None:
    rules = DirectoryRules(
        further_profiles=("client",),
        caa=CaaMode.LOG,
        caa_identities=("ca.example", "ca.test"),
        terms_of_service="https://ca.example/terms",
        website="https://ca.example/",
    )
    stack.add_directory("full", eab=ExternalAccountRule.REQUIRED, rules=rules)
    meta = stack.client(f"{URL}/acme/full/directory").directory["meta"]
    assert meta.pop("profiles").keys() == {"server", "client"}
    assert meta == {
        "termsOfService": "https://ca.example/terms",
        "website": "https://ca.example/",
        "caaIdentities": ["ca.example", "ca.test"],
        "externalAccountRequired": True,
    }


def test_7_1_1_the_directory_leaves_out_what_there_is_not(stack: AcmeStack) -> None:
    meta = stack.client().directory["meta"]
    assert meta == {
        "externalAccountRequired": False,
        "profiles": {"server": "Taken when an order names no profile."},
    }


def test_7_1_1_every_address_of_the_directory_answers(stack: AcmeStack, client: AcmeClient) -> None:
    urls = [url for name, url in client.directory.items() if isinstance(url, str) and url.startswith(URL)]
    assert len(urls) == 6
    assert [stack.send("OPTIONS", url, {}, b"").status for url in urls] == [204] * 6


# ---------------------------------------------------------------- 6.1: CORS, methods, what is ignored


def test_6_1_every_answer_may_be_read_by_every_origin(stack: AcmeStack) -> None:
    replies = {**every_success(stack), **every_error(stack)}
    replies["directory"] = stack.send("GET", DIRECTORY, {"Origin": "https://x"}, b"")
    replies["newNonce"] = stack.send("GET", f"{BASE}/new-nonce", {"Origin": "https://x"}, b"")
    assert {reply.header("access-control-allow-origin") for reply in replies.values()} == {"*"}
    exposed = {reply.header("access-control-expose-headers") for reply in replies.values()}
    assert [set(each.split(", ")) for each in exposed] == [EXPOSED]
    assert not any("access-control-allow-credentials" in reply.headers for reply in replies.values())


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("new-order", "POST, OPTIONS"),
        ("new-nonce", "GET, HEAD, OPTIONS"),
        ("directory", "GET, HEAD, OPTIONS"),
    ],
)
def test_6_1_a_preflight_is_told_methods_headers_and_for_how_long(
    stack: AcmeStack, path: str, methods: str
) -> None:
    headers = {
        "Origin": "https://x",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    reply = stack.send("OPTIONS", f"{BASE}/{path}", headers, b"")
    assert reply.status == 204
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("access-control-allow-methods") == methods
    assert reply.header("access-control-allow-headers") == "Content-Type"
    assert int(reply.header("access-control-max-age")) >= 3600


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize(
    "path",
    [
        *("new-account", "new-order", "new-authz", "key-change", "revoke-cert", "account/a"),
        *("account/a/orders", "order/a", "order/a/finalize", "authz/a", "challenge/a", "certificate/a"),
    ],
)
def test_a_wrong_method_is_405_with_allow(stack: AcmeStack, method: str, path: str) -> None:
    reply = stack.send(method, f"{BASE}/{path}", {}, b"")
    assert (reply.status, reply.header("allow")) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("path", ["directory", "new-nonce"])
def test_a_post_to_what_is_only_got_is_405(client: AcmeClient, path: str) -> None:
    reply = client.post(f"{BASE}/{path}", {})
    assert (reply.status, reply.problem, reply.header("allow")) == (405, "malformed", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("language", ["de", "en;q=0.1, *", "!!!", "x" * 500])
def test_the_language_a_client_accepts_is_no_error(client: AcmeClient, language: str) -> None:
    headers = {**JOSE, "Accept-Language": language}
    assert client.send("POST", client.directory["newOrder"], headers, b"{}").problem == "malformed"


def test_6_1_a_client_without_a_user_agent_is_served(stack: AcmeStack) -> None:
    assert stack.send("GET", DIRECTORY, {}, b"").status == 200


# ---------------------------------------------------------------- caching, waiting


def test_no_answer_to_a_post_is_stored(stack: AcmeStack) -> None:
    replies = {**every_success(stack), **every_error(stack)}
    assert {reply.header("cache-control") for reply in replies.values()} == {"no-store"}


def test_the_directory_is_asked_for_anew(stack: AcmeStack) -> None:
    assert stack.send("GET", DIRECTORY, {}, b"").header("cache-control") == "no-cache"


def test_7_5_1_who_waits_for_a_validation_is_told_when_to_look_again(stack: AcmeStack) -> None:
    client = stack.account()
    order = client.order("a.example")
    [authorization] = order.json()["authorizations"]
    challenge = client.post(authorization).json()["challenges"][0]["url"]
    replies = [client.post(challenge, {}), client.post(challenge), client.post(authorization)]
    replies.append(client.post(order.header("location")))
    assert [int(reply.header("retry-after")) >= 1 for reply in replies] == [True] * 4


def test_who_waits_for_nothing_is_told_nothing(stack: AcmeStack) -> None:
    replies = every_success(stack)
    assert "retry-after" not in replies["order read"].headers
    assert "retry-after" not in replies["finalize"].headers


def test_6_6_who_is_turned_away_for_now_is_told_when_to_come_back(stack: AcmeStack) -> None:
    replies = every_error(stack)
    assert (replies["429"].header("retry-after"), replies["429"].problem) == ("2", "rateLimited")
    assert int(replies["503"].header("retry-after")) >= 1


# ---------------------------------------------------------------- bodies


def test_json_is_one_compact_line_with_status_first_among_the_nested(stack: AcmeStack) -> None:
    replies = [reply for reply in every_success(stack).values() if reply.body.startswith(b"{")]
    assert len(replies) > 8
    for reply in replies:
        text = reply.body.decode()
        assert "\n" not in text
        assert text == json.dumps(reply.json(), separators=(",", ":"), ensure_ascii=False)
        if '"status"' in text:
            assert text.index('"status"') < min(_positions(text, "[{", 1), default=len(text))


def _positions(text: str, marks: str, start: int) -> Iterator[int]:
    return (place for mark in marks if (place := text.find(mark, start)) > 0)


def test_no_answer_holds_a_null(stack: AcmeStack) -> None:
    def nulls(value: Any) -> bool:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return value is None or any(map(nulls, children))

    replies = {**every_success(stack), **every_error(stack)}
    parsed = {name: reply.json() for name, reply in replies.items() if reply.body.startswith(b"{")}
    assert [name for name, document in parsed.items() if nulls(document)] == []
