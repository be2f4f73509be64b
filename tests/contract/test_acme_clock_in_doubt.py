"""What takes power away works while nobody knows what time it is, on both engines (S23)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from acme.operations import CreateExternalKey, DeactivateAccountById, DeleteDirectory, DisableExternalKey
from ca_service.database.port import Database
from ca_service.gate.operation import Operation
from ca_service.gate.port import RequestContext
from tests.support.acme_client import AcmeClient, b64
from tests.support.acme_orders import finalize, order, ready
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock

HOUR = timedelta(hours=1)


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def perform(stack: AcmeStack, operation: Operation[Any]) -> object:
    return stack.runner.run(stack.gate.perform(make_caller(), operation, RequestContext("req_1"))).answer


def test_an_order_is_refused_until_time_agrees(stack: AcmeStack, client: AcmeClient) -> None:
    stack.clock.set_back(HOUR)
    refused = order(client, "a.example")
    assert (refused.status, refused.problem) == (503, "serverInternal")
    assert {"retry-after", "replay-nonce"} <= refused.headers.keys()


def test_a_certificate_is_revoked(stack: AcmeStack, client: AcmeClient) -> None:
    done = finalize(client, ready(stack, client, "a.example"))
    leaf = x509.load_pem_x509_certificate(client.post(done.json()["certificate"]).body)
    stack.clock.set_back(HOUR)
    der = leaf.public_bytes(serialization.Encoding.DER)
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der)}).status == 200


def test_an_authorization_is_given_up(stack: AcmeStack, client: AcmeClient) -> None:
    [url] = order(client, "a.example").json()["authorizations"]
    stack.clock.set_back(HOUR)
    assert client.post(url, {"status": "deactivated"}).json()["status"] == "deactivated"


def test_an_account_is_given_up(stack: AcmeStack, client: AcmeClient) -> None:
    stack.clock.set_back(HOUR)
    assert client.post(client.kid or "", {"status": "deactivated"}).json()["status"] == "deactivated"


def _disable_key(stack: AcmeStack) -> Operation[Any]:
    make = CreateExternalKey(project="one", directory="default", name="clients", identity="idn_alice")
    made = stack.runner.run(stack.gate.perform(make_caller(), make, RequestContext("req_0"))).answer
    return DisableExternalKey(project="one", directory="default", key=made.key.id)


def _deactivate_account(stack: AcmeStack) -> Operation[Any]:
    account = (stack.account().kid or "").rpartition("/")[2]
    return DeactivateAccountById(project="one", directory="default", account=account)


def _delete_directory(stack: AcmeStack) -> Operation[Any]:
    stack.add_directory("old")
    return DeleteDirectory(project="one", slug="old")


@pytest.mark.parametrize("prepare", [_disable_key, _deactivate_account, _delete_directory])
def test_the_operator_takes_away(stack: AcmeStack, prepare: Callable[[AcmeStack], Operation[Any]]) -> None:
    operation = prepare(stack)
    stack.clock.set_back(HOUR)
    perform(stack, operation)
