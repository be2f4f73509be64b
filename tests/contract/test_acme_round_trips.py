"""How often an operation on orders waits for PostgreSQL: what is read together is one wait.

Policy and trail are fakes here, so that only the handler's own waits are counted.
"""

import asyncio
from typing import Any

import pytest

from acme.callers import caller_of
from acme.directories import Directory
from acme.identifiers import Identifier
from acme.operations import CreateOrder, FinalizeOrder, ReadAuthorization, ReadOrder
from acme.storage import directories
from acme.storage.accounts import AccountRows
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.gate.port import RequestContext
from tests.support.acme_client import AcmeClient, make_csr
from tests.support.acme_orders import location, order, ready
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.gate import FakeCustody, untyped
from tests.support.fakes.kernel import FakeClock


@pytest.fixture
def stack(runner: asyncio.Runner, postgresql_database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, postgresql_database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


async def _caller(stack: AcmeStack, client: AcmeClient) -> Caller:
    directory: Directory | None = await directories.find_by_slug(stack.database, "default")
    assert directory is not None
    rows = AccountRows(untyped(FakeCustody()))
    account = await rows.find(stack.database, directory, (client.kid or "").rpartition("/")[2])
    assert account is not None
    return caller_of(directory, account, "192.0.2.7")


def waits_of(stack: AcmeStack, client: AcmeClient, operation: Operation[Any]) -> int:
    """Return how often performing an operation waits, with everything that is cached in the caches."""

    async def count() -> int:
        caller = await _caller(stack, client)
        before = stack.database.waits
        await stack.gate.perform(caller, operation, RequestContext("req_1"))
        return stack.database.waits - before

    return stack.runner.run(count())


def test_a_poll_of_an_order_is_one_read(stack: AcmeStack, client: AcmeClient) -> None:
    made = order(client, "a.example", "b.example")
    assert waits_of(stack, client, ReadOrder(project="one", order=location(made).rpartition("/")[2])) == 1


def test_a_poll_of_an_authorization_is_one_read(stack: AcmeStack, client: AcmeClient) -> None:
    [url] = order(client, "a.example").json()["authorizations"]
    operation = ReadAuthorization(project="one", authorization=url.rpartition("/")[2])
    assert waits_of(stack, client, operation) == 1


def test_neworder_is_one_read_and_one_transaction_of_one_wait(stack: AcmeStack, client: AcmeClient) -> None:
    order(client, "warm.example")
    names = tuple(Identifier("dns", f"n{number:02}.example") for number in range(20))
    assert waits_of(stack, client, CreateOrder(project="one", identifiers=names)) == 2


def test_finalize_is_one_read_and_one_transaction_of_one_wait(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "a.example")
    operation = FinalizeOrder(
        project="one", order=location(made).rpartition("/")[2], csr_der=make_csr("a.example")
    )
    assert waits_of(stack, client, operation) == 2
