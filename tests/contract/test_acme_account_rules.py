"""What RFC 8555 section 7.1.2 and 7.3 ask of accounts beside opening them, on both engines."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from acme.storage.tables import AUTHORIZATIONS, ORDERS
from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.web.rate_limits import Rate
from tests.support.acme_client import AcmeClient, ClientKey, Reply
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.kernel import FakeClock


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def update(client: AcmeClient, **payload: Any) -> Reply:
    return client.post(client.kid or "", payload)


# ---------------------------------------------------------------- newAccount


@pytest.mark.parametrize("value", ["true", 1, None, {}], ids=str)
def test_only_return_existing_is_true_or_false(stack: AcmeStack, value: object) -> None:
    client = stack.client()
    reply = client.post(client.directory["newAccount"], {"onlyReturnExisting": value})
    assert (reply.status, reply.problem) == (400, "malformed")


def test_the_account_of_a_key_is_answered_whatever_else_is_asked(client: AcmeClient) -> None:
    """Section 7.3.1: nothing of the account changes, so nothing else of the payload counts."""
    location = client.kid
    reply = client.register(contact=["tel:+49"], externalAccountBinding={"protected": "x"})
    assert (reply.status, reply.header("location")) == (200, location)


def test_a_private_key_in_the_jwk_is_refused(stack: AcmeStack) -> None:
    client = stack.client()
    url = client.directory["newAccount"]
    reply = client.post(url, {}, jwk={**client.key.jwk, "d": "AAAA"})
    assert reply.problem == "badPublicKey"


def test_a_network_that_made_many_accounts_waits(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    stack = AcmeStack(runner, database, clock, rates={"accounts": Rate(2, 0.1)})
    replies = [stack.client().register() for _ in range(3)]
    assert [reply.problem for reply in replies] == ["", "", "rateLimited"]
    assert int(replies[2].header("retry-after")) > 0


def test_who_has_an_account_is_answered_where_no_more_are_made(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    stack = AcmeStack(runner, database, clock, rates={"accounts": Rate(1, 0.001)})
    client = stack.account()
    assert [client.register().status for _ in range(3)] == [200] * 3


# ---------------------------------------------------------------- updates


def test_members_that_nobody_knows_are_ignored(client: AcmeClient) -> None:
    reply = update(client, unknown={"a": [1]}, orders="https://evil.example", createdAt="x")
    assert (reply.status, reply.json()["orders"]) == (200, f"{client.kid}/orders")


def test_an_update_to_valid_changes_nothing(client: AcmeClient) -> None:
    assert update(client, status="valid").json()["status"] == "valid"


@pytest.mark.parametrize("status", ["revoked", "", None, 5, ["deactivated"]], ids=str)
def test_an_account_is_made_nothing_but_deactivated(client: AcmeClient, status: object) -> None:
    assert update(client, status=status).problem == "malformed"


@pytest.mark.parametrize("contact", [["tel:+49"], ["mailto:a"], "mailto:a@example.com"], ids=str)
def test_contacts_of_an_update_obey_the_rules_of_a_new_account(client: AcmeClient, contact: object) -> None:
    update(client, contact=["mailto:a@example.com"])
    assert update(client, contact=contact).status == 400
    assert client.post(client.kid or "").json()["contact"] == ["mailto:a@example.com"]


@pytest.mark.parametrize("payload", [{"contact": []}, {"status": "deactivated"}], ids=str)
def test_nobody_changes_the_account_of_another(
    stack: AcmeStack, client: AcmeClient, payload: dict[str, Any]
) -> None:
    other = stack.account()
    reply = client.post(other.kid or "", payload)
    assert (reply.status, reply.problem) == (403, "unauthorized")
    assert other.post(other.kid or "").json()["status"] == "valid"


# ---------------------------------------------------------------- deactivation


def test_a_deactivated_account_is_not_valid_again(client: AcmeClient) -> None:
    update(client, status="deactivated")
    assert update(client, status="valid").problem == "unauthorized"


def test_the_key_of_a_deactivated_account_opens_no_other(stack: AcmeStack, client: AcmeClient) -> None:
    update(client, status="deactivated")
    again = [stack.client(key=client.key).register(**each) for each in ({}, {"onlyReturnExisting": True})]
    assert [(reply.status, reply.problem) for reply in again] == [(403, "unauthorized")] * 2


def test_a_deactivated_account_changes_no_key(client: AcmeClient) -> None:
    update(client, status="deactivated")
    assert client.change_key(ClientKey.new()).problem == "unauthorized"


def test_deactivation_ends_what_is_open(stack: AcmeStack, client: AcmeClient) -> None:
    client.order("a.example")
    update(client, status="deactivated")
    read = stack.runner.run
    failures = read(stack.database.read(statement(select(ORDERS.c.failure))))
    ends = read(stack.database.read(statement(select(AUTHORIZATIONS.c.deactivated_at))))
    assert all(row[0] is not None for row in (*failures, *ends))


# ---------------------------------------------------------------- the list of orders


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acme.http.account_resources._ORDERS_PER_PAGE", 2)


def next_page(reply: Reply) -> str | None:
    for value in reply.headers["link"]:
        if value.endswith('rel="next"'):
            return value.partition(">")[0].removeprefix("<")
    return None


@pytest.mark.usefixtures("short_pages")
def test_orders_are_listed_page_by_page(stack: AcmeStack, client: AcmeClient) -> None:
    made = []
    for name in "abcde":
        made.append(client.order(f"{name}.example").header("location"))
        stack.clock.advance(timedelta(seconds=1))
    url: str | None = f"{client.kid}/orders"
    seen, sizes = [], []
    while url is not None:
        reply = client.post(url)
        seen += reply.json()["orders"]
        sizes.append(len(reply.json()["orders"]))
        url = next_page(reply)
    assert (seen, sizes) == (made[::-1], [2, 2, 1])


def test_a_list_of_one_page_has_no_next(client: AcmeClient) -> None:
    client.order("a.example")
    assert next_page(client.post(f"{client.kid}/orders")) is None


def test_failed_orders_are_left_out(client: AcmeClient) -> None:
    order = client.order("a.example")
    client.post(order.json()["authorizations"][0], {"status": "deactivated"})
    assert client.post(f"{client.kid}/orders").json()["orders"] == []


def test_the_orders_of_another_are_unauthorized(stack: AcmeStack, client: AcmeClient) -> None:
    reply = client.post(f"{stack.account().kid}/orders")
    assert (reply.status, reply.problem) == (403, "unauthorized")


def test_the_orders_are_only_read(client: AcmeClient) -> None:
    assert client.post(f"{client.kid}/orders", {}).problem == "malformed"


@pytest.mark.parametrize("cursor", ["x", "%00", "a" * 65, "ord_1&cursor=ord_2"])
def test_a_cursor_that_is_none_of_ours_shows_nothing_of_others(
    stack: AcmeStack, client: AcmeClient, cursor: str
) -> None:
    stack.account().order("a.example")
    reply = client.post(f"{client.kid}/orders?cursor={cursor}")
    assert reply.status == 400 or reply.json()["orders"] == []


def test_the_canonical_address_is_shown_below_the_directory_that_was_asked(client: AcmeClient) -> None:
    assert (client.kid or "").startswith(f"{URL}/acme/default/account/")
