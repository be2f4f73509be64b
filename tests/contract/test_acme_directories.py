"""Directories in our own API, and how they are made."""

import asyncio
from typing import Any

import pytest

from acme.directories import ExternalAccountRule
from acme.operations import CreateDirectory
from acme.resources import project_access
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.port import RequestContext
from ca_service.governance.operations import CreatePolicy, PolicyRecord
from ca_service.kernel.errors import ConflictError, MalformedError
from ca_service.policy.values import Grant
from tests.support.acme_client import Reply
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock
from tests.support.web import ALICES_TOKEN


class PolicyStore(Handler[CreatePolicy, CreatePolicy, CreatePolicy, PolicyRecord]):
    """Keeps what it was asked to store."""

    def __init__(self) -> None:
        self.stored: list[CreatePolicy] = []

    async def prepare(self, call: Call, operation: CreatePolicy) -> Prepared[CreatePolicy]:
        return Prepared(operation, (project_access(operation.action, call.home),))

    async def sign(self, call: Call, draft: CreatePolicy, grant: Grant) -> CreatePolicy:
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: CreatePolicy) -> PolicyRecord:
        transaction.on_commit(lambda: self.stored.append(signed))
        return PolicyRecord(
            id="pol_1",
            organization=call.home.organization,
            project=call.home.project,
            name=signed.name,
            text=signed.text,
            enabled=True,
            created_at=transaction.now,
            created_by="",
        )


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


def get(stack: AcmeStack, path: str) -> Reply:
    return stack.send("GET", URL + path, {"Authorization": f"Bearer {ALICES_TOKEN}"}, b"")


def make(stack: AcmeStack, slug: str, **fields: Any) -> None:
    operation = CreateDirectory(project="one", slug=slug, profile="server", **fields)
    stack.runner.run(stack.gate.perform(make_caller(), operation, RequestContext("req_0")))


def test_the_directories_of_a_project_are_listed(stack: AcmeStack) -> None:
    stack.add_directory("closed", eab=ExternalAccountRule.REQUIRED)
    found = get(stack, "/v1/projects/one/acme/directories").json()
    assert [(each["name"], each["eab"]) for each in found["items"]] == [
        ("closed", "required"),
        ("default", "off"),
    ]
    assert found["next_cursor"] is None


def test_a_directory_is_read_by_its_name(stack: AcmeStack) -> None:
    found = get(stack, "/v1/projects/one/acme/directories/default").json()
    assert (found["url"], found["profile"]) == (f"{URL}/acme/default/directory", "server")


def test_a_directory_of_another_project_is_not_there(stack: AcmeStack) -> None:
    stack.add_directory("theirs", project="two")
    replies = [get(stack, f"/v1/projects/one/acme/directories/{name}") for name in ("theirs", "none")]
    assert [reply.status for reply in replies] == [404, 404]
    assert get(stack, "/v1/projects/one/acme/directories").json()["items"][0]["name"] == "default"


def test_a_slug_is_unique_on_the_instance(stack: AcmeStack) -> None:
    stack.add_directory("theirs", project="two")
    with pytest.raises(ConflictError):
        make(stack, "theirs")


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a_b", "a/b", "a" * 64, "ä"])
def test_a_slug_that_is_none_is_refused(stack: AcmeStack, slug: str) -> None:
    with pytest.raises(MalformedError):
        make(stack, slug)


def test_a_directory_is_made_closed(stack: AcmeStack) -> None:
    store = PolicyStore()
    stack.gate.register({CreatePolicy: store})
    make(stack, "quiet")
    assert store.stored == []
    assert get(stack, "/v1/projects/one/acme/directories/quiet").json()["eab"] == "required"


def test_an_open_directory_is_made_with_the_policy_that_opens_it(stack: AcmeStack) -> None:
    store = PolicyStore()
    stack.gate.register({CreatePolicy: store})
    make(stack, "lobby", is_open=True)
    directory = get(stack, "/v1/projects/one/acme/directories/lobby").json()["id"]
    [policy] = store.stored
    assert (policy.name, directory in policy.text) == ("acme-lobby-open", True)


def test_a_policy_is_not_stored_if_the_directory_is_not_made(stack: AcmeStack) -> None:
    store = PolicyStore()
    stack.gate.register({CreatePolicy: store})
    with pytest.raises(ConflictError):
        make(stack, "default", is_open=True)
    assert store.stored == []
