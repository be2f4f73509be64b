"""Directories over our own API, on both engines: made, changed, closed, and what their clients see of it."""

import asyncio
from typing import Any

import msgspec
import pytest

from acme.operations import DirectoryChanges, UpdateDirectory
from ca_service.database.port import Database
from ca_service.gate.port import RequestContext
from ca_service.kernel.errors import ConflictError
from tests.support.acme_client import Reply, b64, make_csr
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock
from tests.support.web import ALICES_TOKEN

PATH = "/v1/projects/one/acme/directories"
FULL: dict[str, Any] = {
    "name": "shop",
    "profile": "server",
    "further_profiles": ["client"],
    "authority": "issuing",
    "eab": "off",
    "challenges": ["dns-01"],
    "caa": "enforce",
    "caa_identities": ["ca.example"],
    "terms_of_service": "https://ca.example/terms/1",
    "website": "https://ca.example/",
    "resolvers": ["192.0.2.53:5353"],
}


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


def ask(stack: AcmeStack, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    sent = {"Authorization": f"Bearer {ALICES_TOKEN}", "Content-Type": "application/json", **headers}
    return stack.send(method, URL + path, sent, b"" if body is None else msgspec.json.encode(body))


# ---------------------------------------------------------------- made


def test_a_directory_is_made_with_everything_it_can_be_told(stack: AcmeStack) -> None:
    made = ask(stack, "POST", PATH, FULL)
    assert (made.status, made.header("location")) == (201, f"{PATH}/shop")
    shown = ask(stack, "GET", f"{PATH}/shop").json()
    assert shown == made.json()
    assert {name: shown[name] for name in FULL} == FULL
    assert shown["url"] == f"{URL}/acme/shop/directory"


def test_a_directory_made_later_needs_external_accounts(stack: AcmeStack) -> None:
    ask(stack, "POST", PATH, {"name": "later", "profile": "server"})
    assert ask(stack, "GET", f"{PATH}/later").json()["eab"] == "required"


def test_a_directory_works_from_the_moment_it_was_made(stack: AcmeStack) -> None:
    assert stack.send("GET", f"{URL}/acme/shop/directory", {}, b"").status == 404
    ask(stack, "POST", PATH, FULL | {"terms_of_service": None})
    client = stack.account(f"{URL}/acme/shop/directory")
    assert client.order("a.example").status == 201


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"profile": "nothing"}, "profile", "profile-unknown"),
        ({"profile": ""}, "profile", "profile-unknown"),
        ({"further_profiles": ["client", "nothing"]}, "further_profiles[1]", "profile-unknown"),
        ({"further_profiles": ["server"]}, "further_profiles", "unique"),
        ({"further_profiles": ["client", "client"]}, "further_profiles", "unique"),
        ({"further_profiles": [f"p{n}" for n in range(21)]}, "further_profiles", "bounds"),
        ({"authority": "nothing"}, "authority", "profile-authority"),
        ({"authority": "root"}, "authority", "profile-authority"),
        ({"challenges": ["magic-01"]}, "challenges[0]", "challenge-unknown"),
        ({"challenges": []}, "challenges", "required"),
        ({"challenges": ["dns-01", "dns-01"]}, "challenges", "unique"),
        ({"caa_identities": []}, "caa_identities", "required"),
        ({"caa_identities": ["CA.example"]}, "caa_identities[0]", "caa-identity"),
        ({"caa_identities": ["*.example"]}, "caa_identities[0]", "caa-identity"),
        ({"caa_identities": ["a..b"]}, "caa_identities[0]", "dns-empty-label"),
        ({"resolvers": ["dns.example"]}, "resolvers[0]", "resolver"),
        ({"resolvers": ["192.0.2.1:0"]}, "resolvers[0]", "resolver"),
        ({"terms_of_service": "terms"}, "terms_of_service", "url"),
        ({"terms_of_service": 'https://a/">'}, "terms_of_service", "url"),
        ({"website": "ftp://a"}, "website", "url"),
        ({"website": "https://a\r\nx: y"}, "website", "url"),
    ],
    ids=str,
)
def test_what_no_directory_can_be_is_refused_with_field_and_rule(
    stack: AcmeStack, change: dict[str, Any], field: str, rule: str
) -> None:
    refused = ask(stack, "POST", PATH, FULL | change)
    assert refused.status == 422, refused.json()
    assert (refused.json()["field"], refused.json()["rule"]) == (field, rule)
    assert ask(stack, "GET", f"{PATH}/shop").status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Shop"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"eab": "maybe"}, "eab"),
        ({"caa": "sometimes"}, "caa"),
        ({"challenges": "dns-01"}, "challenges"),
        ({"profile": None}, "profile"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused(stack: AcmeStack, change: dict[str, Any], field: str) -> None:
    refused = ask(stack, "POST", PATH, FULL | change)
    assert (refused.status, refused.json()["field"]) == (400, field)


def test_a_name_that_is_taken_is_a_conflict(stack: AcmeStack) -> None:
    refused = ask(stack, "POST", PATH, FULL | {"name": "default"})
    assert (refused.status, refused.json()["field"], refused.json()["rule"]) == (409, "name", "slug_taken")


def test_the_same_request_twice_makes_one_directory(stack: AcmeStack) -> None:
    replies = [ask(stack, "POST", PATH, FULL, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert replies[0].json() == replies[1].json()


# ---------------------------------------------------------------- changed


def test_what_is_left_out_of_a_change_stays(stack: AcmeStack) -> None:
    before = ask(stack, "POST", PATH, FULL).json()
    changed = ask(stack, "PATCH", f"{PATH}/shop", {"website": None, "eab": "required"})
    assert changed.status == 200
    assert changed.json() == before | {"website": None, "eab": "required"}
    assert ask(stack, "GET", f"{PATH}/shop").json() == changed.json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"profile": "nothing"}, "profile"),
        ({"authority": "nothing"}, "authority"),
        ({"caa_identities": []}, "caa_identities"),
        ({"challenges": ["magic-01"]}, "challenges[0]"),
    ],
    ids=str,
)
def test_a_change_to_what_no_directory_can_be_is_refused(
    stack: AcmeStack, change: dict[str, Any], field: str
) -> None:
    before = ask(stack, "POST", PATH, FULL).json()
    refused = ask(stack, "PATCH", f"{PATH}/shop", change)
    assert (refused.status, refused.json()["field"]) == (422, field)
    assert ask(stack, "GET", f"{PATH}/shop").json() == before


def test_clients_see_a_change_at_once(stack: AcmeStack) -> None:
    ask(stack, "POST", PATH, FULL)
    ask(stack, "PATCH", f"{PATH}/shop", {"website": "https://ca.example/new"})
    assert stack.client(f"{URL}/acme/shop/directory").directory["meta"]["website"] == "https://ca.example/new"


def test_the_name_of_a_directory_cannot_be_changed(stack: AcmeStack) -> None:
    assert ask(stack, "PATCH", f"{PATH}/default", {"name": "other"}).status == 400


def test_of_two_changes_at_once_neither_is_lost(stack: AcmeStack) -> None:
    def operation(website: str) -> UpdateDirectory:
        return UpdateDirectory(project="one", slug="default", changes=DirectoryChanges(website=website))

    async def at_once() -> list[Any]:
        return await asyncio.gather(
            *(
                stack.gate.perform(make_caller(), operation(url), RequestContext("req_1"))
                for url in ("https://a/", "https://b/", "https://c/")
            ),
            return_exceptions=True,
        )

    outcomes = stack.runner.run(at_once())
    won = [outcome.answer.rules.website for outcome in outcomes if not isinstance(outcome, Exception)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert all(isinstance(outcome, ConflictError) for outcome in lost)
    assert len(won) >= 1
    assert ask(stack, "GET", f"{PATH}/default").json()["website"] in won


# ---------------------------------------------------------------- closed


def test_a_deleted_directory_is_gone_from_our_api(stack: AcmeStack) -> None:
    ask(stack, "POST", PATH, FULL)
    assert ask(stack, "DELETE", f"{PATH}/shop").status == 204
    gone = [ask(stack, method, f"{PATH}/shop", {}) for method in ("GET", "PATCH", "DELETE")]
    assert [reply.status for reply in gone] == [404, 404, 404]
    assert [each["name"] for each in ask(stack, "GET", PATH).json()["items"]] == ["default"]


def test_the_addresses_of_a_deleted_directory_answer_404_problems(stack: AcmeStack) -> None:
    client = stack.account()
    order = client.order("a.example").header("location")
    nonce = client.nonce()
    ask(stack, "DELETE", f"{PATH}/default")
    replies = [
        client.send("GET", f"{URL}/acme/default/directory", {}, b""),
        client.send("HEAD", f"{URL}/acme/default/new-nonce", {}, b""),
        client.post(order, nonce=nonce),
        client.post(client.directory["newAccount"], {}, nonce=nonce),
    ]
    assert [reply.status for reply in replies] == [404] * 4
    assert [reply.problem for reply in replies if reply.body] == ["malformed"] * 3
    assert all(reply.header("replay-nonce") for reply in replies[2:])


def test_the_certificates_of_a_deleted_directory_stay_in_the_inventory(stack: AcmeStack) -> None:
    client = stack.account()
    order = client.order("a.example")
    stack.prove(client, order)
    done = client.post(order.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    assert done.json()["status"] == "valid"
    ask(stack, "DELETE", f"{PATH}/default")
    assert len(stack.authority.inventory) == 1


def test_a_name_is_never_used_again(stack: AcmeStack) -> None:
    ask(stack, "POST", PATH, FULL)
    ask(stack, "DELETE", f"{PATH}/shop")
    refused = ask(stack, "POST", PATH, FULL)
    assert (refused.status, refused.json()["rule"]) == (409, "slug_taken")


def test_first_start_does_not_bring_a_deleted_directory_back(stack: AcmeStack) -> None:
    ask(stack, "DELETE", f"{PATH}/default")
    first_start = stack.contribution.first_start
    assert first_start is not None

    async def start() -> None:
        await first_start(make_caller())

    stack.runner.run(start())
    assert ask(stack, "GET", f"{PATH}/default").status == 404


# ---------------------------------------------------------------- aliases


def test_an_alias_leads_to_a_directory_that_was_made_later(
    runner: asyncio.Runner, database: Database, clock: FakeClock
) -> None:
    stack = AcmeStack(runner, database, clock, aliases={"/api/v1/pki/acme/7/directory": "shop"})
    alias = f"{URL}/api/v1/pki/acme/7"
    assert stack.send("GET", f"{alias}/directory", {}, b"").status == 404
    ask(stack, "POST", PATH, FULL)
    client = stack.account(f"{alias}/directory")
    assert client.order("a.example").header("location").startswith(f"{alias}/order/")
    ask(stack, "DELETE", f"{PATH}/shop")
    assert stack.send("GET", f"{alias}/directory", {}, b"").status == 404
