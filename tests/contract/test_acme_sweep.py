"""Housekeeping forgets what expired and came to nothing, and never what a certificate came of (S8)."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from acme.housekeeping import GRACE, OrderSweep
from acme.storage.tables import AUTHORIZATIONS, CHALLENGES, ORDER_AUTHORIZATIONS, ORDERS
from ca_service.database.port import Database
from ca_service.database.statement import statement
from tests.support.acme_client import AcmeClient
from tests.support.acme_orders import DAY, finalize, order, ready
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.kernel import FakeClock

_COUNTS = [
    statement(select(func.count()).select_from(table))
    for table in (ORDERS, ORDER_AUTHORIZATIONS, AUTHORIZATIONS, CHALLENGES)
]
_A_WHILE = GRACE + 7 * DAY + timedelta(seconds=1)
NOTHING = (0, 0, 0, 0)


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def rows(stack: AcmeStack) -> tuple[int, ...]:
    """Return how many orders, links, authorizations and challenges there are."""

    async def count() -> tuple[int, ...]:
        return tuple([(await stack.database.read(each))[0][0] for each in _COUNTS])

    return stack.runner.run(count())


def sweep(stack: AcmeStack) -> None:
    [timer] = [each for each in stack.contribution.timers if each.name == "acme-orders"]

    async def run() -> None:
        await timer.run()

    stack.runner.run(run())


def test_expired_orders_go_with_their_authorizations_and_challenges(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order(client, "a.example", "b.example")
    stack.clock.advance(_A_WHILE)
    sweep(stack)
    assert rows(stack) == NOTHING


def test_invalid_orders_go_like_expired_ones(stack: AcmeStack, client: AcmeClient) -> None:
    made = order(client, "a.example")
    client.post(made.json()["authorizations"][0], {"status": "deactivated"})
    stack.clock.advance(_A_WHILE)
    sweep(stack)
    assert rows(stack) == NOTHING


def test_ready_orders_that_nobody_finalized_go_too(stack: AcmeStack, client: AcmeClient) -> None:
    ready(stack, client, "a.example")
    stack.clock.advance(_A_WHILE)
    sweep(stack)
    assert rows(stack) == NOTHING


def test_what_expired_can_be_looked_at_for_30_days(stack: AcmeStack, client: AcmeClient) -> None:
    made = order(client, "a.example")
    stack.clock.advance(_A_WHILE - timedelta(seconds=2))
    sweep(stack)
    assert client.post(made.header("location")).json()["status"] == "invalid"


def test_never_one_whose_certificate_exists(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "a.example")
    finalize(client, made)
    stack.clock.advance(400 * DAY)
    sweep(stack)
    found = client.post(made.header("location")).json()
    assert (found["status"], len(found["authorizations"])) == ("valid", 1)
    assert client.post(found["authorizations"][0]).status == 200


def test_what_an_order_with_a_certificate_shares_with_one_without_stays(
    stack: AcmeStack, client: AcmeClient
) -> None:
    finalize(client, ready(stack, client, "a.example"))
    order(client, "a.example", "b.example")
    stack.clock.advance(_A_WHILE)
    sweep(stack)
    assert rows(stack)[:3] == (1, 1, 1)


def test_authorizations_ahead_of_any_order_go_too(stack: AcmeStack, client: AcmeClient) -> None:
    identifier = {"type": "dns", "value": "a.example"}
    client.post(client.directory["newAuthz"], {"identifier": identifier})
    stack.clock.advance(_A_WHILE)
    sweep(stack)
    assert rows(stack) == NOTHING


def test_what_is_open_stays(stack: AcmeStack, client: AcmeClient) -> None:
    order(client, "a.example")
    stack.clock.advance(_A_WHILE)
    made = order(client, "b.example")
    sweep(stack)
    assert (rows(stack)[0], client.post(made.header("location")).json()["status"]) == (1, "pending")


def test_many_are_taken_in_bounded_batches(
    stack: AcmeStack, client: AcmeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acme.housekeeping._BATCH", 2)
    monkeypatch.setattr("acme.housekeeping._BATCHES_AT_ONCE", 2)
    for number in range(7):
        order(client, f"n{number}.example")
    stack.clock.advance(_A_WHILE)
    left = []
    for _ in range(6):
        sweep(stack)
        left.append((rows(stack)[0], rows(stack)[2]))
    assert left[0] == (3, 7)
    assert left[-1] == (0, 0)


def test_the_walk_goes_on_behind_what_it_must_leave(
    stack: AcmeStack, client: AcmeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acme.housekeeping._BATCH", 2)
    monkeypatch.setattr("acme.housekeeping._BATCHES_AT_ONCE", 2)
    finalize(client, ready(stack, client, "a.example", "b.example", "c.example"))
    stack.clock.advance(DAY)
    order(client, "d.example")
    stack.clock.advance(_A_WHILE)
    timer = OrderSweep(stack.database)

    async def run() -> None:
        await timer()
        await timer()

    stack.runner.run(run())
    assert rows(stack)[:3] == (1, 3, 3)
