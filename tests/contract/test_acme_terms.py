"""Terms of service over HTTP, on both engines (RFC 8555 sections 7.3 and 7.3.3)."""

import asyncio
from typing import Any

import pytest
from msgspec import UNSET, UnsetType

from acme.directories import DirectoryRules
from acme.operations import DirectoryChanges, UpdateDirectory
from ca_service.database.port import Database
from ca_service.gate.port import RequestContext
from tests.support.acme_client import AcmeClient, Reply, b64, make_csr
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock

DIRECTORY = f"{URL}/acme/terms/directory"
FIRST, SECOND = "https://example.com/terms/1", "https://example.com/terms/2"


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    made = AcmeStack(runner, database, clock)
    made.add_directory("terms", rules=DirectoryRules(terms_of_service=FIRST))
    return made


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account(DIRECTORY)


def change_terms(stack: AcmeStack, terms: str | UnsetType | None) -> None:
    operation = UpdateDirectory(project="one", slug="terms", changes=DirectoryChanges(terms_of_service=terms))
    stack.runner.run(stack.gate.perform(make_caller(), operation, RequestContext("req_0")))


def new_account(client: AcmeClient, **payload: Any) -> Reply:
    return client.post(client.directory["newAccount"], payload)


def demands(reply: Reply, terms: str) -> bool:
    """Tell whether an answer is the demand to agree to these terms."""
    problem = reply.json()
    links = reply.headers.get("link", [])
    return (
        (reply.status, reply.problem) == (403, "userActionRequired")
        and problem["instance"] == terms
        and f'<{terms}>;rel="terms-of-service"' in links
    )


def test_the_directory_names_its_terms(stack: AcmeStack) -> None:
    assert stack.client(DIRECTORY).directory["meta"]["termsOfService"] == FIRST


@pytest.mark.parametrize("payload", [{}, {"termsOfServiceAgreed": False}], ids=["absent", "false"])
def test_an_account_is_not_opened_without_agreement(stack: AcmeStack, payload: dict[str, Any]) -> None:
    assert demands(new_account(stack.client(DIRECTORY), **payload), FIRST)


@pytest.mark.parametrize("agreed", ["true", 1, None, []], ids=str)
def test_agreement_is_true_or_false(stack: AcmeStack, agreed: object) -> None:
    reply = new_account(stack.client(DIRECTORY), termsOfServiceAgreed=agreed)
    assert (reply.status, reply.problem) == (400, "malformed")


def test_an_account_that_agrees_is_opened_and_says_so(stack: AcmeStack) -> None:
    reply = new_account(stack.client(DIRECTORY), termsOfServiceAgreed=True)
    assert (reply.status, reply.json()["termsOfServiceAgreed"]) == (201, True)


def test_without_terms_nothing_is_asked_and_nothing_is_said(stack: AcmeStack) -> None:
    reply = new_account(stack.client())
    assert (reply.status, "termsOfServiceAgreed" in reply.json()) == (201, False)


def test_who_asks_only_for_an_existing_account_need_not_agree(stack: AcmeStack, client: AcmeClient) -> None:
    known = stack.client(DIRECTORY, client.key)
    unknown = stack.client(DIRECTORY)
    assert new_account(known, onlyReturnExisting=True).status == 200
    assert new_account(unknown, onlyReturnExisting=True).problem == "accountDoesNotExist"


# ---------------------------------------------------------------- after a change


def test_after_a_change_an_order_is_not_taken(stack: AcmeStack, client: AcmeClient) -> None:
    change_terms(stack, SECOND)
    assert demands(client.order("a.example"), SECOND)


def test_after_a_change_an_order_is_not_finalized(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    stack.prove(client, order)
    change_terms(stack, SECOND)
    reply = client.post(order.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    assert demands(reply, SECOND)


def test_after_a_change_what_exists_can_be_read_and_given_up(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    change_terms(stack, SECOND)
    read = [client.post(client.kid or ""), client.post(order.header("location"))]
    assert [reply.status for reply in read] == [200, 200]
    assert client.post(client.kid or "", {"status": "deactivated"}).status == 200


def test_after_a_change_an_update_agrees(stack: AcmeStack, client: AcmeClient) -> None:
    change_terms(stack, SECOND)
    updated = client.post(client.kid or "", {"termsOfServiceAgreed": True})
    assert (updated.status, client.order("a.example").status) == (200, 201)


def test_after_a_change_new_account_agrees(stack: AcmeStack, client: AcmeClient) -> None:
    change_terms(stack, SECOND)
    again = new_account(stack.client(DIRECTORY, client.key), termsOfServiceAgreed=True)
    assert (again.status, client.order("a.example").status) == (200, 201)


def test_after_a_change_asking_for_the_account_agrees_to_nothing(
    stack: AcmeStack, client: AcmeClient
) -> None:
    change_terms(stack, SECOND)
    known = stack.client(DIRECTORY, client.key)
    new_account(known, onlyReturnExisting=True, termsOfServiceAgreed=True)
    new_account(known)
    assert demands(client.order("a.example"), SECOND)


def test_an_update_of_contacts_agrees_to_nothing(stack: AcmeStack, client: AcmeClient) -> None:
    change_terms(stack, SECOND)
    client.post(client.kid or "", {"contact": ["mailto:a@example.com"]})
    assert demands(client.order("a.example"), SECOND)


def test_agreeing_leaves_the_contacts(stack: AcmeStack, client: AcmeClient) -> None:
    client.post(client.kid or "", {"contact": ["mailto:a@example.com"]})
    change_terms(stack, SECOND)
    updated = client.post(client.kid or "", {"termsOfServiceAgreed": True})
    assert updated.json()["contact"] == ["mailto:a@example.com"]


def test_terms_that_are_taken_away_are_not_asked_for(stack: AcmeStack, client: AcmeClient) -> None:
    change_terms(stack, None)
    assert client.order("a.example").status == 201


def test_an_account_from_before_there_were_terms_must_agree(stack: AcmeStack) -> None:
    change_terms(stack, None)
    client = stack.account(DIRECTORY)
    change_terms(stack, FIRST)
    assert demands(client.order("a.example"), FIRST)


def test_a_change_of_something_else_asks_nobody_again(stack: AcmeStack, client: AcmeClient) -> None:
    change_terms(stack, UNSET)
    assert client.order("a.example").status == 201


def test_the_agreement_is_in_the_trail(stack: AcmeStack, client: AcmeClient) -> None:
    change_terms(stack, SECOND)
    client.post(client.kid or "", {"termsOfServiceAgreed": True, "contact": []})
    [entry] = [each for each in stack.trail.entries if each.action == "acme:update-account"]
    assert entry.details["change"] == "contact and terms"
