"""Accounts in memory, on both engines: no read for who is known, and no moment in which an end does not hold.

The other worker here hears of nothing, as if every announcement were late.
"""

import asyncio
from typing import Any, cast

import pytest

from acme.directories import DirectoryRules
from acme.operations import DirectoryChanges, UpdateDirectory
from ca_service.database.port import Database
from ca_service.gate.port import RequestContext
from tests.support.acme_client import AcmeClient, ClientKey
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock

TERMS_DIRECTORY = f"{URL}/acme/terms/directory"
FIRST, SECOND = "https://example.com/terms/1", "https://example.com/terms/2"


class DeafDatabase:
    """A database that is told of no change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def change_hint(self) -> int | None:
        return 0


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


@pytest.fixture
def deaf(runner: asyncio.Runner, database: Database, clock: FakeClock, stack: AcmeStack) -> AcmeStack:
    return AcmeStack(runner, cast("Database", DeafDatabase(database)), clock, is_first=False)


def at(worker: AcmeStack, client: AcmeClient) -> AcmeClient:
    """Return the same client as it speaks to another worker, which knows its account from now on."""
    directory = (client.kid or "").partition("/account/")[0] + "/directory"
    same = AcmeClient(worker.send, directory, client.key)
    same.kid = client.kid
    assert same.post(client.kid or "").status == 200
    return same


def test_a_known_account_is_not_read_again(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example").header("location")
    client.post(order)
    before = stack.database.waits
    client.nonce()
    of_nonce = stack.database.waits - before
    before = stack.database.waits
    assert client.post(order).status == 200
    # The order, and the nonce with the entry of the trail.
    assert stack.database.waits - before - of_nonce == 2


def test_an_account_deactivated_elsewhere_is_refused_at_its_next_request(
    client: AcmeClient, deaf: AcmeStack
) -> None:
    elsewhere = at(deaf, client)
    client.post(client.kid or "", {"status": "deactivated"})
    assert elsewhere.order("a.example").problem == "unauthorized"
    assert elsewhere.order("a.example").problem == "unauthorized"


def test_an_account_deactivated_elsewhere_is_shown_nothing(client: AcmeClient, deaf: AcmeStack) -> None:
    order = client.order("a.example").header("location")
    elsewhere = at(deaf, client)
    client.post(client.kid or "", {"status": "deactivated"})
    assert elsewhere.post(order).problem == "unauthorized"


def test_a_key_given_up_elsewhere_is_refused_at_its_next_request(client: AcmeClient, deaf: AcmeStack) -> None:
    elsewhere = at(deaf, client)
    assert client.change_key(ClientKey.new()).status == 200
    assert elsewhere.order("a.example").problem == "unauthorized"


def test_a_key_taken_elsewhere_is_known_at_its_first_request(client: AcmeClient, deaf: AcmeStack) -> None:
    elsewhere = at(deaf, client)
    assert client.change_key(ClientKey.new()).status == 200
    elsewhere.key = client.key
    assert elsewhere.order("a.example").status == 201


def test_terms_agreed_to_elsewhere_count_at_the_next_request(stack: AcmeStack, deaf: AcmeStack) -> None:
    stack.add_directory("terms", rules=DirectoryRules(terms_of_service=FIRST))
    client = stack.client(TERMS_DIRECTORY)
    assert client.register(termsOfServiceAgreed=True).status == 201
    change = UpdateDirectory(project="one", slug="terms", changes=DirectoryChanges(terms_of_service=SECOND))
    stack.runner.run(stack.gate.perform(make_caller(), change, RequestContext("req_0")))
    elsewhere = at(deaf, client)
    assert elsewhere.order("a.example").problem == "userActionRequired"
    client.post(client.kid or "", {"termsOfServiceAgreed": True})
    assert elsewhere.order("a.example").status == 201


def test_the_nonce_of_a_request_refused_so_late_is_used_up(client: AcmeClient, deaf: AcmeStack) -> None:
    elsewhere = at(deaf, client)
    url, nonce = elsewhere.directory["newOrder"], elsewhere.nonce()
    client.post(client.kid or "", {"status": "deactivated"})
    payload = {"identifiers": [{"type": "dns", "value": "a.example"}]}
    assert elsewhere.post(url, payload, nonce=nonce).problem == "unauthorized"
    assert client.post(url, payload, nonce=nonce).problem == "badNonce"
