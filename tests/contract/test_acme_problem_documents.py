"""Problem documents over the wire (RFC 8555 section 6.7)."""

import asyncio

import pytest

from ca_service.database.port import Database
from ca_service.web.rate_limits import Rate
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import untyped
from tests.support.fakes.kernel import FakeClock
from tests.support.web import InProcess

JOSE = {"Content-Type": "application/jose+json"}
URN = "urn:ietf:params:acme:error:"


@pytest.fixture
def stack(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, sqlite_database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def limit(stack: AcmeStack, **rates: Rate) -> None:
    """Answer from now on with these limits."""
    stack.app = InProcess(stack.contribution.routes, gate=untyped(stack.gate), rates=rates)


def order(client: AcmeClient, *identifiers: tuple[str, str]) -> Reply:
    payload = {"identifiers": [{"type": type_, "value": value} for type_, value in identifiers]}
    return client.post(client.directory["newOrder"], payload)


# ---------------------------------------------------------------- 6.7: the document


@pytest.mark.parametrize("path", ["new-order", "order/none", "nothing", "directory"])
def test_6_7_a_problem_has_type_detail_and_the_status_of_the_answer(client: AcmeClient, path: str) -> None:
    reply = client.post_raw(f"{URL}/acme/default/{path}", b"{}")
    assert reply.header("content-type") == "application/problem+json"
    document = reply.json()
    assert document["type"].startswith(URN)
    assert document["detail"]
    assert document["status"] == reply.status


def test_6_7_a_problem_names_the_request(client: AcmeClient) -> None:
    reply = order(client)
    assert reply.json()["request_id"] == reply.header("x-request-id")


def test_6_2_a_refused_algorithm_comes_with_those_that_are_taken(client: AcmeClient) -> None:
    reply = client.post(client.directory["newOrder"], {}, alg="none")
    assert (reply.problem, reply.status) == ("badSignatureAlgorithm", 400)
    assert {"ES256", "RS256"} <= set(reply.json()["algorithms"])


# ---------------------------------------------------------------- 6.7.1: subproblems


def test_6_7_1_each_refused_name_is_a_subproblem(client: AcmeClient) -> None:
    reply = order(client, ("dns", "a_b.example"), ("dns", "good.example"), ("dns", "c..example"))
    assert reply.problem == "rejectedIdentifier"
    assert [
        (each["type"].removeprefix(URN), each["identifier"], bool(each["detail"]))
        for each in reply.json()["subproblems"]
    ] == [
        ("rejectedIdentifier", {"type": "dns", "value": "a_b.example"}, True),
        ("rejectedIdentifier", {"type": "dns", "value": "c..example"}, True),
    ]


def test_6_7_1_one_refused_name_is_one_subproblem(client: AcmeClient) -> None:
    [subproblem] = order(client, ("dns", "a_b.example")).json()["subproblems"]
    assert subproblem["identifier"] == {"type": "dns", "value": "a_b.example"}


def test_6_7_1_faults_of_different_types_are_a_compound(client: AcmeClient) -> None:
    reply = order(client, ("dns", "a_b.example"), ("email", "a@example.com"))
    assert reply.problem == "compound"
    assert {each["type"].removeprefix(URN) for each in reply.json()["subproblems"]} == {
        "rejectedIdentifier",
        "unsupportedIdentifier",
    }


def test_6_7_1_a_problem_without_subproblems_has_no_such_member(client: AcmeClient) -> None:
    assert "subproblems" not in order(client).json()


# ---------------------------------------------------------------- 6.6: rate limits (S8)

LIMITED = [("newOrder", "new-order"), ("newOrder", "new-authz"), ("newAccount", "new-account")]


@pytest.mark.parametrize(("name", "path"), LIMITED)
def test_6_6_who_asks_too_often_is_told_when_and_where_to_read_more(
    stack: AcmeStack, client: AcmeClient, name: str, path: str
) -> None:
    limit(stack, **{name: Rate(burst=1, per_second=0.1)})
    url = f"{URL}/acme/default/{path}"
    replies = [client.post_raw(url, b"rubbish") for _ in range(2)]
    assert [reply.problem for reply in replies] == ["malformed", "rateLimited"]
    assert (replies[1].status, replies[1].header("retry-after")) == (429, "10")
    [help_] = [each for each in replies[1].headers["link"] if each.endswith('rel="help"')]
    assert help_.startswith("<https://")
    assert replies[1].header("replay-nonce")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_6_6_nonces_are_limited_too(stack: AcmeStack, method: str) -> None:
    limit(stack, newNonce=Rate(burst=1, per_second=0.5))
    replies = [stack.send(method, f"{URL}/acme/default/new-nonce", {}, b"") for _ in range(2)]
    assert (replies[1].status, replies[1].header("retry-after")) == (429, "2")


def test_s8_a_limit_holds_before_anything_of_the_request_is_read(
    stack: AcmeStack, client: AcmeClient
) -> None:
    limit(stack, newOrder=Rate(burst=0, per_second=1))
    nonce = client.nonce()
    assert client.post(client.directory["newOrder"], {}, nonce=nonce).status == 429
    limit(stack)
    assert client.post(client.kid or "", {}, nonce=nonce).status == 200


def test_s8_what_is_refused_by_a_limit_is_counted(stack: AcmeStack, client: AcmeClient) -> None:
    limit(stack, newOrder=Rate(burst=0, per_second=1))
    for _ in range(3):
        client.post_raw(client.directory["newOrder"], b"{}")
    stack.runner.run(stack.app.refusals.flush())
    [entry] = stack.app.trail.entries
    assert (entry.reason, entry.details["count"]) == ("rate_limited", 3)


def test_s8_what_is_only_read_is_not_limited(stack: AcmeStack, client: AcmeClient) -> None:
    limit(stack, newOrder=Rate(burst=0, per_second=1), newAccount=Rate(burst=0, per_second=1))
    assert client.post(f"{client.kid}/orders").status == 200
    assert client.send("GET", f"{URL}/acme/default/directory", {}, b"").status == 200


# ---------------------------------------------------------------- what a problem does not tell


def test_a_mistake_of_ours_is_told_by_its_request_and_nothing_else(
    stack: AcmeStack, client: AcmeClient
) -> None:
    found = client.order("a.example")
    stack.prove(client, found)

    async def fail() -> None:
        raise RuntimeError("the secret is 1234")

    stack.authority.while_signing = fail
    reply = client.post(found.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    assert (reply.status, reply.problem) == (500, "serverInternal")
    assert "1234" not in reply.body.decode()


def test_6_2_who_cannot_sign_learns_of_an_account_only_whether_it_exists(
    stack: AcmeStack, client: AcmeClient
) -> None:
    gone = stack.account()
    assert gone.post(gone.kid or "", {"status": "deactivated"}).status == 200
    stranger = ClientKey.new()
    url = client.directory["newOrder"]
    replies = [client.post(url, {}, key=stranger, kid=kid) for kid in (client.kid, gone.kid)]
    assert replies[0].json() | {"request_id": ""} == replies[1].json() | {"request_id": ""}
    assert client.post(url, {}, key=stranger, kid=f"{client.kid}0").problem == "accountDoesNotExist"
