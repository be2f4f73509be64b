"""What CAA records do to a validation, on both engines (RFC 8659, RFC 8657)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from acme.directories import CaaMode, DirectoryRules
from ca_service.database.port import Database
from ca_service.egress.errors import DnsFailedError
from ca_service.egress.records import CaaRecord
from tests.support.acme_client import AcmeClient, Reply
from tests.support.acme_orders import finalize, order
from tests.support.acme_orders import prove as prove_all
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.kernel import FakeClock

CAA = "urn:ietf:params:acme:error:caa"
SERVFAIL = DnsFailedError("DNS: it answered SERVFAIL.", name="n", resolver="r", rcode="SERVFAIL")


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    made = AcmeStack(runner, database, clock, aliases={"/dir": "enforce"})
    for mode in CaaMode:
        made.add_directory(mode.value, rules=DirectoryRules(caa=mode, caa_identities=("ca.test",)))
    return made


def account(stack: AcmeStack, mode: str = "enforce") -> AcmeClient:
    return stack.account(f"{URL}/acme/{mode}/directory")


def forbid(stack: AcmeStack, value: bytes = b"letsencrypt.org", tag: str = "issue") -> None:
    stack.world.authorities["example"] = (CaaRecord(0, tag, value),)


def prove(stack: AcmeStack, client: AcmeClient, order: Reply, type_: str = "http-01") -> dict[str, Any]:
    """Answer the only challenge of this type truly, run the job, and return the challenge."""
    [url] = order.json()["authorizations"]
    found = client.post(url).json()
    [challenge] = [each for each in found["challenges"] if each["type"] == type_]
    host, token = found["identifier"]["value"], challenge["token"]
    stack.world.answers[host, f"/.well-known/acme-challenge/{token}"] = client.key_authorization(
        token
    ).encode()
    client.post(challenge["url"], {})
    stack.run_jobs()
    reply = client.post(challenge["url"]).json()
    assert isinstance(reply, dict)
    return reply


def test_records_that_forbid_fail_challenge_authorization_and_order(stack: AcmeStack) -> None:
    client = account(stack)
    forbid(stack)
    order = client.order("a.example")
    challenge = prove(stack, client, order)
    found = client.post(order.header("location")).json()
    assert (challenge["error"]["type"], found["error"]["type"], found["status"]) == (CAA, CAA, "invalid")
    assert "The CAA records of example forbid a.example" in challenge["error"]["detail"]


def test_records_that_permit_let_the_challenge_be_met(stack: AcmeStack) -> None:
    client = account(stack)
    forbid(stack, b"ca.test")
    assert prove(stack, client, client.order("a.example"))["status"] == "valid"


@pytest.mark.parametrize("mode", ["off", "log"])
def test_a_directory_that_does_not_enforce_issues_anyway(stack: AcmeStack, mode: str) -> None:
    client = account(stack, mode)
    forbid(stack)
    assert prove(stack, client, client.order("a.example"))["status"] == "valid"


def test_a_resolver_that_fails_is_asked_again_and_then_refuses(stack: AcmeStack) -> None:
    client = account(stack)
    stack.world.authorities["a.example"] = SERVFAIL
    order = client.order("a.example")
    challenge = prove(stack, client, order)
    assert (challenge["status"], challenge["error"]["type"]) == ("processing", CAA)
    for _ in range(2):
        stack.run_jobs()
    assert client.post(order.header("location")).json()["error"]["type"] == CAA


def test_a_resolver_that_recovers_lets_the_challenge_be_met(stack: AcmeStack) -> None:
    client = account(stack)
    stack.world.authorities["a.example"] = SERVFAIL
    challenge = prove(stack, client, client.order("a.example"))
    stack.world.authorities.clear()
    stack.run_jobs()
    assert client.post(challenge["url"]).json()["status"] == "valid"


def test_a_wrong_answer_is_told_before_any_caa(stack: AcmeStack) -> None:
    client = account(stack)
    forbid(stack)
    order = client.order("a.example")
    challenge = prove(stack, client, order, "dns-01")
    assert challenge["error"]["type"] == "urn:ietf:params:acme:error:unauthorized"


@pytest.mark.parametrize("prefix", ["/acme/enforce", "/dir"])
def test_the_account_may_be_named_by_any_of_its_urls(stack: AcmeStack, prefix: str) -> None:
    client = account(stack)
    id_ = (client.kid or "").rpartition("/")[2]
    forbid(stack, f"ca.test; accounturi={URL}{prefix}/account/{id_}".encode())
    assert prove(stack, client, client.order("a.example"))["status"] == "valid"


def test_another_account_is_refused(stack: AcmeStack) -> None:
    client = account(stack)
    forbid(stack, f"ca.test; accounturi={account(stack).kid}".encode())
    assert prove(stack, client, client.order("a.example"))["error"]["type"] == CAA


def test_an_account_of_another_directory_is_refused(stack: AcmeStack) -> None:
    client = account(stack)
    id_ = (client.kid or "").rpartition("/")[2]
    forbid(stack, f"ca.test; accounturi={URL}/acme/log/account/{id_}".encode())
    assert prove(stack, client, client.order("a.example"))["error"]["type"] == CAA


@pytest.mark.parametrize(("method", "status"), [("http-01", "valid"), ("dns-01,tls-alpn-01", "invalid")])
def test_the_method_must_be_listed(stack: AcmeStack, method: str, status: str) -> None:
    client = account(stack)
    forbid(stack, f"ca.test; validationmethods={method}".encode())
    assert prove(stack, client, client.order("a.example"))["status"] == status


def test_an_address_is_issued_whatever_records_there_are(stack: AcmeStack) -> None:
    client = account(stack)
    stack.world.authorities["7"] = (CaaRecord(0, "issue", b";"),)
    identifiers = [{"type": "ip", "value": "192.0.2.7"}]
    order = client.post(client.directory["newOrder"], {"identifiers": identifiers})
    assert prove(stack, client, order)["status"] == "valid"


def _ready_long_ago(stack: AcmeStack, client: AcmeClient) -> Reply:
    """Return an order of three names that were proved nine hours ago."""
    made = order(client, "a.example", "b.example", "c.other")
    prove_all(stack, client, made)
    stack.clock.advance(timedelta(hours=9))
    return made


def test_at_finalize_each_name_that_is_refused_now_is_a_subproblem(stack: AcmeStack) -> None:
    client = account(stack)
    made = _ready_long_ago(stack, client)
    forbid(stack)
    refused = finalize(client, made)
    assert (refused.status, refused.problem) == (403, "caa")
    found = [(each["type"], each["identifier"]["value"]) for each in refused.json()["subproblems"]]
    assert found == [(CAA, "a.example"), (CAA, "b.example")]
    assert "forbid b.example" in refused.json()["subproblems"][1]["detail"]


def test_an_order_that_was_refused_at_finalize_is_finalized_once_the_records_permit(stack: AcmeStack) -> None:
    client = account(stack)
    made = _ready_long_ago(stack, client)
    forbid(stack)
    assert finalize(client, made).status == 403
    stack.world.authorities.clear()
    assert finalize(client, made).json()["status"] == "valid"


def test_a_proof_of_the_last_eight_hours_is_not_looked_at_again(stack: AcmeStack) -> None:
    client = account(stack)
    made = order(client, "a.example")
    prove_all(stack, client, made)
    forbid(stack)
    assert finalize(client, made).status == 200
