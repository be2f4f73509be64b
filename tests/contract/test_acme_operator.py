"""What the operator of a directory does over our own API: external account keys, accounts."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ca_service.database.port import Database
from tests.support.acme_client import Reply, sign_binding
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.kernel import FakeClock
from tests.support.web import ALICES_TOKEN

BASE = "/v1/projects/one/acme/directories/default"
KEYS, ACCOUNTS = f"{BASE}/external-account-keys", f"{BASE}/accounts"


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


def ask(stack: AcmeStack, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    sent = {"Authorization": f"Bearer {ALICES_TOKEN}", "Content-Type": "application/json", **headers}
    return stack.send(method, URL + path, sent, b"" if body is None else msgspec.json.encode(body))


def make(stack: AcmeStack, **further: Any) -> dict[str, Any]:
    reply = ask(stack, "POST", KEYS, {"identity": "idn_alice", **further})
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.json()
    return made


# ---------------------------------------------------------------- external account keys


def test_a_key_is_made_and_its_hmac_key_shown_once(stack: AcmeStack) -> None:
    reply = ask(stack, "POST", KEYS, {"identity": "idn_alice", "name": "web servers"})
    made = reply.json()
    assert (reply.status, reply.header("location")) == (201, f"{KEYS}/{made['id']}")
    assert len(made.pop("hmac_key")) == 86
    assert ask(stack, "GET", f"{KEYS}/{made['id']}").json() == made
    assert ask(stack, "GET", KEYS).json() == {"items": [made], "next_cursor": None}


def test_a_key_says_what_it_is_for(stack: AcmeStack) -> None:
    made = make(stack, maximum_uses=3, ttl="30d")
    assert (made["status"], made["uses"], made["maximum_uses"]) == ("active", 0, 3)
    assert made["expires_at"] is not None


def test_a_key_for_any_number_of_accounts_says_null(stack: AcmeStack) -> None:
    assert make(stack, maximum_uses=None)["maximum_uses"] is None
    assert make(stack)["maximum_uses"] == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "identity"),
        ({"identity": 5}, 400, "identity"),
        ({"identity": "idn_alice", "maximum_uses": 0}, 422, "maximum_uses"),
        ({"identity": "idn_alice", "maximum_uses": "1"}, 400, "maximum_uses"),
        ({"identity": "idn_alice", "ttl": "soon"}, 400, "ttl"),
        ({"identity": "idn_alice", "ttl": 0}, 422, "ttl"),
        ({"identity": "idn_alice", "name": "a\nb"}, 400, "name"),
        ({"identity": "idn_alice", "name": "a" * 121}, 400, "name"),
        ({"identity": "idn_alice", "hmac_key": "mine"}, 400, "hmac_key"),
    ],
    ids=str,
)
def test_a_body_at_fault_is_refused_and_the_field_named(
    stack: AcmeStack, body: dict[str, Any], status: int, field: str
) -> None:
    reply = ask(stack, "POST", KEYS, body)
    assert (reply.status, reply.json().get("field")) == (status, field)


def test_a_key_for_no_identity_of_ours_is_not_made(stack: AcmeStack) -> None:
    assert ask(stack, "POST", KEYS, {"identity": "idn_nobody"}).status == 404


def test_the_same_request_with_an_idempotency_key_makes_one_key(stack: AcmeStack) -> None:
    body, headers = {"identity": "idn_alice"}, {"Idempotency-Key": "one"}
    replies = [ask(stack, "POST", KEYS, body, **headers) for _ in range(2)]
    assert replies[0].json() == replies[1].json()
    assert len(ask(stack, "GET", KEYS).json()["items"]) == 1


def test_the_answer_is_not_repeated_once_the_key_is_disabled(stack: AcmeStack) -> None:
    body, headers = {"identity": "idn_alice"}, {"Idempotency-Key": "one"}
    made = ask(stack, "POST", KEYS, body, **headers).json()
    ask(stack, "POST", f"{KEYS}/{made['id']}/disable")
    again = ask(stack, "POST", KEYS, body, **headers)
    assert (again.status, made["hmac_key"] in again.body.decode()) == (409, False)


def test_a_disabled_key_says_since_when(stack: AcmeStack) -> None:
    made = make(stack)
    reply = ask(stack, "POST", f"{KEYS}/{made['id']}/disable")
    shown = reply.json()
    assert (reply.status, shown["status"], shown["disabled_at"] is not None) == (200, "disabled", True)


def test_a_key_that_was_used_says_so(stack: AcmeStack) -> None:
    made = make(stack)
    client = stack.client()
    binding = sign_binding(made["id"], made["hmac_key"], client.key, client.directory["newAccount"])
    client.register(externalAccountBinding=binding)
    shown = ask(stack, "GET", f"{KEYS}/{made['id']}").json()
    assert (shown["status"], shown["uses"]) == ("used-up", 1)


def test_an_expired_key_says_so(stack: AcmeStack) -> None:
    made = make(stack, ttl="1h")
    stack.clock.advance(timedelta(hours=1))
    assert ask(stack, "GET", f"{KEYS}/{made['id']}").json()["status"] == "expired"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/disable")])
def test_a_key_that_is_not_there_is_not_found(stack: AcmeStack, method: str, path: str) -> None:
    stack.add_directory("second")
    made = make(stack)
    elsewhere = KEYS.replace("default", "second")
    for key in (f"{KEYS}/eab_none", f"{elsewhere}/{made['id']}"):
        assert ask(stack, method, key + path).status == 404


def test_keys_of_a_directory_that_is_not_there_are_not_found(stack: AcmeStack) -> None:
    assert ask(stack, "GET", KEYS.replace("default", "none")).status == 404


# ---------------------------------------------------------------- accounts


def test_accounts_are_listed_with_what_an_operator_needs(stack: AcmeStack) -> None:
    client = stack.client()
    client.register(contact=["mailto:a@example.com"])
    [shown] = ask(stack, "GET", ACCOUNTS).json()["items"]
    assert shown["id"] == (client.kid or "").rpartition("/")[2]
    assert (shown["status"], shown["contact"]) == ("valid", ["mailto:a@example.com"])
    assert shown["thumbprint"] == client.key.thumbprint


def test_an_account_is_listed_with_whom_it_acts_for(stack: AcmeStack) -> None:
    made, client = make(stack), stack.client()
    binding = sign_binding(made["id"], made["hmac_key"], client.key, client.directory["newAccount"])
    client.register(externalAccountBinding=binding)
    [shown] = ask(stack, "GET", ACCOUNTS).json()["items"]
    assert (shown["external_key"], shown["identity"]) == (made["id"], "idn_alice")


def test_accounts_are_listed_page_by_page(stack: AcmeStack) -> None:
    for _ in range(3):
        stack.account()
    first = ask(stack, "GET", f"{ACCOUNTS}?limit=2").json()
    second = ask(stack, "GET", f"{ACCOUNTS}?limit=2&cursor={first['next_cursor']}").json()
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (2, 1, None)


def test_an_account_that_is_deactivated_stops_with_its_orders(stack: AcmeStack) -> None:
    client = stack.account()
    client.order("a.example")
    id_ = (client.kid or "").rpartition("/")[2]
    reply = ask(stack, "POST", f"{ACCOUNTS}/{id_}/deactivate")
    assert (reply.status, reply.json()["status"]) == (200, "deactivated")
    assert client.post(client.kid or "").problem == "unauthorized"


def test_deactivating_twice_keeps_the_first_moment(stack: AcmeStack) -> None:
    id_ = (stack.account().kid or "").rpartition("/")[2]
    first = ask(stack, "POST", f"{ACCOUNTS}/{id_}/deactivate").json()
    stack.clock.advance(timedelta(hours=1))
    assert ask(stack, "POST", f"{ACCOUNTS}/{id_}/deactivate").json() == first


def test_an_account_of_another_directory_is_not_found(stack: AcmeStack) -> None:
    stack.add_directory("second")
    id_ = (stack.account().kid or "").rpartition("/")[2]
    assert ask(stack, "POST", f"{ACCOUNTS.replace('default', 'second')}/{id_}/deactivate").status == 404
