"""Rows of accounts that were changed outside Keywright, on both engines (S5): nothing is done for them."""

import asyncio
import json
import logging
from typing import Any

import pytest
from sqlalchemy import BindParameter, bindparam, select, update

from acme.directories import ExternalAccountRule
from acme.operations import CreateExternalKey, NewExternalKey
from acme.storage.tables import ACCOUNTS
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.gate.port import RequestContext
from tests.support.acme_client import AcmeClient, ClientKey, Reply, sign_binding
from tests.support.acme_orders import order
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock

BOUND = f"{URL}/acme/bound/directory"
_TAG = statement(select(ACCOUNTS.c.mac).where(ACCOUNTS.c.id == bindparam("account")))
NO_BINDING = {"external_key": None, "identity": None, "external_binding": None}


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    made = AcmeStack(runner, database, clock)
    made.add_directory("bound", eab=ExternalAccountRule.REQUIRED)
    return made


@pytest.fixture
def bound(stack: AcmeStack) -> AcmeClient:
    """Return a client whose account acts for idn_alice."""
    operation = CreateExternalKey(project="one", directory="bound", name="clients", identity="idn_alice")
    made: NewExternalKey = stack.runner.run(
        stack.gate.perform(make_caller(), operation, RequestContext("req_0"))
    ).answer
    client = stack.client(BOUND)
    binding = sign_binding(
        str(made.key.id), made.hmac_key.reveal(), client.key, client.directory["newAccount"]
    )
    assert client.register(externalAccountBinding=binding).status == 201
    return client


def edit(stack: AcmeStack, client: AcmeClient, **columns: Any) -> None:
    """Write columns of an account's row as who has nothing but the database."""
    values: dict[str, BindParameter[Any]] = {name: bindparam(f"new_{name}") for name in columns}
    change = statement(update(ACCOUNTS).where(ACCOUNTS.c.id == bindparam("account")).values(values))
    given = {f"new_{name}": value for name, value in columns.items()}

    async def write(transaction: Transaction) -> None:
        assert await transaction.execute(change, account=id_of(client), **given) == 1

    stack.runner.run(stack.database.begin(write))


def tag_of(stack: AcmeStack, client: AcmeClient) -> bytes:
    row = stack.runner.run(stack.database.read_one(_TAG, account=id_of(client)))
    assert row is not None
    return bytes(row[0])


def id_of(client: AcmeClient) -> str:
    assert client.kid is not None
    return client.kid.rpartition("/")[2]


def assert_refused(reply: Reply, client: AcmeClient, caplog: pytest.LogCaptureFixture) -> None:
    """See that nothing was done, that the client is told nothing, and that the log names the account."""
    assert (reply.status, reply.problem) == (500, "serverInternal")
    assert "tag" not in reply.json()["detail"]
    said = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    row = f"The row of the ACME account {id_of(client)}"
    assert said == [f"{row} does not match its tag: it was changed outside Keywright."]


EDITS: dict[str, dict[str, Any]] = {
    "the binding is gone": NO_BINDING,
    "the binding and the tag are gone": {**NO_BINDING, "mac": None},
    "the binding is gone and the tag is empty": {**NO_BINDING, "mac": b""},
    "another identity": {"identity": "idn_bob"},
    "another external key": {"external_key": "eab_other"},
    "another account key": {"jwk": json.dumps(ClientKey.new().jwk).encode()},
    "contacts of somebody else": {"contact": b'["mailto:mallory@example.com"]'},
    "terms that nobody agreed to": {"terms_agreed": "https://ca.example/terms"},
    "an earlier beginning": {"created_at": 0},
}


@pytest.mark.parametrize("columns", EDITS.values(), ids=EDITS.keys())
def test_an_edited_account_gets_nothing_at_its_next_request(
    stack: AcmeStack, bound: AcmeClient, columns: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    edit(stack, bound, **columns)
    with caplog.at_level(logging.ERROR):
        reply = order(bound, "a.example")
    assert_refused(reply, bound, caplog)


def test_a_deactivated_account_is_not_brought_back(
    stack: AcmeStack, bound: AcmeClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert bound.post(bound.kid or "", {"status": "deactivated"}).status == 200
    edit(stack, bound, deactivated_at=None)
    with caplog.at_level(logging.ERROR):
        reply = order(bound, "a.example")
    assert_refused(reply, bound, caplog)


def test_the_key_of_an_edited_account_finds_no_account(
    stack: AcmeStack, bound: AcmeClient, caplog: pytest.LogCaptureFixture
) -> None:
    edit(stack, bound, **NO_BINDING)
    with caplog.at_level(logging.ERROR):
        reply = stack.client(BOUND, bound.key).register()
    assert_refused(reply, bound, caplog)


def test_the_tag_of_another_account_does_not_serve(
    stack: AcmeStack, bound: AcmeClient, caplog: pytest.LogCaptureFixture
) -> None:
    edit(stack, bound, mac=tag_of(stack, stack.account()))
    with caplog.at_level(logging.ERROR):
        reply = order(bound, "a.example")
    assert_refused(reply, bound, caplog)


def test_an_account_that_changed_itself_goes_on(stack: AcmeStack, bound: AcmeClient) -> None:
    assert bound.post(bound.kid or "", {"contact": ["mailto:a@example.com"]}).status == 200
    assert order(bound, "a.example").status == 201
