"""What the trail names: the order, the authorization, though the policy is asked about their directory."""

import asyncio

import pytest

from ca_service.database.port import Database
from tests.support.acme_client import AcmeClient
from tests.support.acme_orders import finalize, location, ready
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.kernel import FakeClock


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def named(stack: AcmeStack, action: str) -> set[str]:
    return {entry.resource for entry in stack.trail.entries if entry.action == action}


def test_the_trail_names_order_and_authorization(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "a.example")
    finalize(client, made)
    client.post(location(made))
    [authorization] = [url.rpartition("/")[2] for url in made.json()["authorizations"]]
    order = location(made).rpartition("/")[2]

    assert named(stack, "acme:read-order") == {f'AcmeOrder::"{order}"'}
    assert named(stack, "acme:finalize-order") == {f'AcmeOrder::"{order}"'}
    for action in ("acme:read-authorization", "acme:respond-to-challenge", "acme:validate-challenge"):
        assert named(stack, action) == {f'AcmeAuthorization::"{authorization}"'}
