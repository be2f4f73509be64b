"""Challenges from the client's word to the verdict, on both engines (RFC 8555 sections 7.5.1 and 8)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from acme.directories import DirectoryRules
from acme.operations import DeleteDirectory
from ca_service.database.port import Database
from ca_service.egress.errors import (
    AnswerRefusedError,
    ConnectionFailedError,
    DnsFailedError,
    EgressError,
    HandshakeFailedError,
    NameNotFoundError,
    RefusedAddressError,
)
from ca_service.egress.tls_handshake import HandshakeAnswer
from ca_service.gate.port import RequestContext
from tests.support.acme_client import AcmeClient, ClientKey, Reply, sign_jws
from tests.support.acme_stack import URL, AcmeStack
from tests.support.alpn_responder import PROTOCOL, Shown, server_name
from tests.support.fakes.acme import run_of
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock

URN = "urn:ietf:params:acme:error:"
TROUBLE = ConnectionFailedError("No connection to a.example, port 80 (192.0.2.1: connection refused).")


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def order_for(client: AcmeClient, type_: str, value: str) -> Reply:
    return client.post(client.directory["newOrder"], {"identifiers": [{"type": type_, "value": value}]})


def challenges_of(client: AcmeClient, order: Reply) -> dict[str, Any]:
    """Return the challenges of an order's only authorization by their types."""
    [url] = order.json()["authorizations"]
    return {each["type"]: each for each in client.post(url).json()["challenges"]}


def serve(
    stack: AcmeStack, client: AcmeClient, host: str, token: str, *, key: ClientKey | None = None
) -> None:
    """Let a host answer an http-01 challenge."""
    body = f"{token}.{(key or client.key).thumbprint}".encode()
    stack.world.answers[host, f"/.well-known/acme-challenge/{token}"] = body


def statuses(client: AcmeClient, order: Reply, challenge: dict[str, Any]) -> list[str]:
    """Return the statuses of challenge, authorization and order."""
    urls = (challenge["url"], order.json()["authorizations"][0], order.header("location"))
    return [client.post(url).json()["status"] for url in urls]


def test_an_order_shows_what_a_name_may_be_proved_by(client: AcmeClient) -> None:
    assert set(challenges_of(client, client.order("a.example"))) == {"http-01", "dns-01", "tls-alpn-01"}


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_an_address_is_proved_by_http_01(stack: AcmeStack, client: AcmeClient, address: str) -> None:
    order = order_for(client, "ip", address)
    offered = challenges_of(client, order)
    assert set(offered) == {"http-01", "tls-alpn-01"}
    serve(stack, client, address, offered["http-01"]["token"])
    client.post(offered["http-01"]["url"], {})
    stack.run_jobs()
    assert statuses(client, order, offered["http-01"]) == ["valid", "valid", "ready"]


def handshake(shown: Shown, protocol: str | None = PROTOCOL) -> HandshakeAnswer:
    return HandshakeAnswer(shown.der, protocol, shown.name, "192.0.2.1", 443, ())


@pytest.mark.parametrize(("type_", "value"), [("dns", "a.example"), ("ip", "2001:db8::7")])
def test_a_certificate_in_a_handshake_proves_a_name_and_an_address(
    stack: AcmeStack, client: AcmeClient, type_: str, value: str
) -> None:
    order = order_for(client, type_, value)
    challenge = challenges_of(client, order)["tls-alpn-01"]
    shown = Shown(value, client.key_authorization(challenge["token"]))
    stack.world.handshakes[server_name(value)] = handshake(shown)
    client.post(challenge["url"], {})
    stack.run_jobs()
    assert statuses(client, order, challenge) == ["valid", "valid", "ready"]


@pytest.mark.parametrize(
    ("answer", "problem", "sentence"),
    [
        (handshake(Shown("a.example", "k"), None), "unauthorized", "did not negotiate the ALPN protocol"),
        (handshake(Shown("a.example", "k"), "h2"), "unauthorized", "did not negotiate the ALPN protocol"),
        (handshake(Shown("a.example", "k")), "unauthorized", "is for another key authorization"),
        (handshake(Shown("b.example", "k")), "unauthorized", 'is for "b.example" and not for the name'),
        (HandshakeFailedError("The TLS handshake failed.", has_refused_protocol=True), "unauthorized", "TLS"),
        (HandshakeFailedError("The TLS handshake failed."), "tls", "The TLS handshake failed."),
        (RefusedAddressError("10.0.0.1 is refused."), "connection", "10.0.0.1 is refused."),
    ],
)
def test_what_a_handshake_shows_instead_is_told(
    stack: AcmeStack, client: AcmeClient, answer: HandshakeAnswer | EgressError, problem: str, sentence: str
) -> None:
    order = client.order("a.example")
    challenge = challenges_of(client, order)["tls-alpn-01"]
    stack.world.handshakes["a.example"] = answer
    client.post(challenge["url"], {})
    stack.run_jobs()
    error = client.post(challenge["url"]).json()["error"]
    assert error["type"] == URN + problem
    assert sentence in error["detail"]


@pytest.mark.parametrize("type_", ["http-01", "dns-01", "tls-alpn-01"])
def test_an_invalid_challenge_fails_authorization_and_order_with_the_error_at_each_level(
    stack: AcmeStack, client: AcmeClient, type_: str
) -> None:
    order = client.order("a.example")
    challenge = challenges_of(client, order)[type_]
    stack.world.default = AnswerRefusedError("a.example (192.0.2.1, port 80) answered 404 instead of 200.")
    client.post(challenge["url"], {})
    stack.run_jobs()
    assert statuses(client, order, challenge) == ["invalid"] * 3
    errors = [
        client.post(challenge["url"]).json()["error"],
        challenges_of(client, order)[type_]["error"],
        client.post(order.header("location")).json()["error"],
    ]
    assert errors == [errors[0]] * 3
    assert errors[0]["type"] == URN + "unauthorized"


def fail(stack: AcmeStack, client: AcmeClient, authorization: str, type_: str) -> dict[str, Any]:
    """Let a challenge of an authorization fail, and return its error."""
    [challenge] = [each for each in client.post(authorization).json()["challenges"] if each["type"] == type_]
    client.post(challenge["url"], {})
    stack.run_jobs()
    error: dict[str, Any] = client.post(challenge["url"]).json()["error"]
    return error


@pytest.mark.parametrize(
    ("by", "type_"), [("http-01", "unauthorized"), ("tls-alpn-01", "compound")], ids=["alike", "unlike"]
)
def test_6_7_1_an_order_of_several_unproved_names_has_a_subproblem_for_each(
    stack: AcmeStack, client: AcmeClient, by: str, type_: str
) -> None:
    stack.world.default = AnswerRefusedError("a.example (192.0.2.1, port 80) answered 404 instead of 200.")
    stack.world.handshakes["a.example"] = HandshakeFailedError("The TLS handshake failed.")
    missing = NameNotFoundError("DNS: none.", name="n", resolver="192.0.2.53:53", rcode="NXDOMAIN")
    stack.world.records["_acme-challenge.a.example"] = missing
    order = client.order("a.example", "*.a.example", "b.example")
    wildcard, plain, _ = order.json()["authorizations"]
    failures = [fail(stack, client, wildcard, "dns-01"), fail(stack, client, plain, by)]

    error = client.post(order.header("location")).json()["error"]

    assert (error["type"], error["status"]) == (URN + type_, 403)
    assert [each["identifier"]["value"] for each in error["subproblems"]] == ["*.a.example", "a.example"]
    assert [(each["type"], each["detail"]) for each in error["subproblems"]] == [
        (each["type"], each["detail"]) for each in failures
    ]


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "NODATA"])
def test_without_a_txt_record_the_client_is_told_where_it_belongs(
    stack: AcmeStack, client: AcmeClient, rcode: str
) -> None:
    challenge = challenges_of(client, client.order("a.example"))["dns-01"]
    missing = NameNotFoundError("DNS: none.", name="n", resolver="192.0.2.53:53", rcode=rcode)
    stack.world.records["_acme-challenge.a.example"] = missing
    client.post(challenge["url"], {})
    stack.run_jobs()
    error = client.post(challenge["url"]).json()["error"]
    assert error["type"] == URN + "unauthorized"
    assert f"no TXT record at _acme-challenge.a.example ({rcode} from 192.0.2.53:53)" in error["detail"]


def test_while_it_will_be_tried_again_a_challenge_shows_its_trouble_and_when(
    stack: AcmeStack, client: AcmeClient
) -> None:
    """RFC 8555 section 8.2."""
    order = client.order("a.example")
    challenge = challenges_of(client, order)["http-01"]
    stack.world.default = TROUBLE
    client.post(challenge["url"], {})
    seen = []
    for _ in range(2):
        stack.run_jobs()
        reply = client.post(challenge["url"])
        seen.append((reply.json()["status"], reply.json()["error"]["type"], reply.header("retry-after")))
    assert seen == [("processing", URN + "connection", "3"), ("processing", URN + "connection", "9")]
    assert statuses(client, order, challenge)[1:] == ["pending", "pending"]


def test_a_challenge_that_was_met_shows_no_trouble_of_before(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    challenge = challenges_of(client, order)["http-01"]
    stack.world.default = TROUBLE
    client.post(challenge["url"], {})
    stack.run_jobs()
    serve(stack, client, "a.example", challenge["token"])
    stack.run_jobs()
    found = client.post(challenge["url"]).json()
    assert (found["status"], "error" in found) == ("valid", False)


@pytest.mark.parametrize(
    "trouble",
    [TROUBLE, DnsFailedError("DNS: the resolver failed.", name="n", resolver="r", rcode="SERVFAIL")],
)
def test_trouble_is_looked_at_three_times_in_all(
    stack: AcmeStack, client: AcmeClient, trouble: EgressError
) -> None:
    order = client.order("a.example")
    challenge = challenges_of(client, order)["http-01"]
    stack.world.default = trouble
    client.post(challenge["url"], {})
    for _ in range(6):
        stack.run_jobs()
    assert len(stack.world.fetched) == 3
    assert statuses(client, order, challenge) == ["invalid"] * 3


def test_a_wrong_answer_is_looked_at_once(stack: AcmeStack, client: AcmeClient) -> None:
    challenge = challenges_of(client, client.order("a.example"))["http-01"]
    stack.world.default = AnswerRefusedError("It answered 404.")
    client.post(challenge["url"], {})
    for _ in range(3):
        stack.run_jobs()
    assert len(stack.world.fetched) == 1


def test_two_responses_at_the_same_time_start_one_validation(stack: AcmeStack, client: AcmeClient) -> None:
    challenge = challenges_of(client, client.order("a.example"))["http-01"]
    url = challenge["url"]
    bodies = [sign_jws(client.key, b"{}", client.header(url)) for _ in range(5)]

    async def both() -> list[Reply]:
        headers = {"Content-Type": "application/jose+json"}
        return await asyncio.gather(*(stack.exchange("POST", url, headers, body) for body in bodies))

    replies = stack.runner.run(both())
    assert [(reply.status, reply.json()["status"]) for reply in replies] == [(200, "processing")] * 5
    assert len(stack.queue.jobs) == 1


@pytest.mark.parametrize("outcome", ["valid", "invalid"])
def test_a_challenge_that_is_decided_answers_its_state_and_is_not_looked_at_again(
    stack: AcmeStack, client: AcmeClient, outcome: str
) -> None:
    challenge = challenges_of(client, client.order("a.example"))["http-01"]
    if outcome == "valid":
        serve(stack, client, "a.example", challenge["token"])
    client.post(challenge["url"], {})
    stack.run_jobs()
    again = client.post(challenge["url"], {})
    assert (again.status, again.json()["status"], stack.queue.jobs) == (200, outcome, [])


@pytest.mark.parametrize("state", ["valid", "invalid", "deactivated", "expired"])
def test_a_challenge_of_an_authorization_that_ended_is_refused(
    stack: AcmeStack, client: AcmeClient, state: str
) -> None:
    order = client.order("a.example")
    offered = challenges_of(client, order)
    if state == "deactivated":
        client.post(order.json()["authorizations"][0], {"status": "deactivated"})
    elif state == "expired":
        stack.clock.advance(timedelta(days=30))
    else:
        if state == "valid":
            serve(stack, client, "a.example", offered["http-01"]["token"])
        client.post(offered["http-01"]["url"], {})
        stack.run_jobs()
    refused = client.post(offered["dns-01"]["url"], {})
    assert (refused.problem, stack.queue.jobs) == ("malformed", [])
    assert f"The authorization is {state}" in refused.json()["detail"]


def test_a_proof_that_comes_after_a_failure_does_not_revive_the_authorization(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    offered = challenges_of(client, order)
    serve(stack, client, "a.example", offered["http-01"]["token"])
    for type_ in ("http-01", "dns-01"):
        client.post(offered[type_]["url"], {})
    stack.queue.jobs.reverse()
    stack.run_jobs()
    assert statuses(client, order, offered["dns-01"]) == ["invalid"] * 3
    assert client.post(offered["http-01"]["url"]).json()["status"] != "valid"


def test_a_failure_that_comes_after_a_proof_does_not_fail_the_order(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    offered = challenges_of(client, order)
    serve(stack, client, "a.example", offered["http-01"]["token"])
    for type_ in ("http-01", "dns-01"):
        client.post(offered[type_]["url"], {})
    stack.run_jobs()
    assert statuses(client, order, offered["http-01"]) == ["valid", "valid", "ready"]


def test_a_proof_and_a_failure_at_the_same_time_leave_one_of_the_two(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    offered = challenges_of(client, order)
    serve(stack, client, "a.example", offered["http-01"]["token"])
    for type_ in ("http-01", "dns-01"):
        client.post(offered[type_]["url"], {})

    async def both() -> None:
        handlers = stack.contribution.job_handlers
        await asyncio.gather(*(handlers[kind](run_of(payload)) for kind, payload, _ in stack.queue.jobs))

    stack.runner.run(both())
    found = tuple(statuses(client, order, offered["http-01"])[1:])
    assert found in {("valid", "ready"), ("invalid", "invalid")}


def test_an_authorization_that_was_given_up_meanwhile_is_not_looked_at(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    challenge = challenges_of(client, order)["http-01"]
    serve(stack, client, "a.example", challenge["token"])
    client.post(challenge["url"], {})
    client.post(order.json()["authorizations"][0], {"status": "deactivated"})
    stack.run_jobs()
    assert stack.world.fetched == []
    assert statuses(client, order, challenge)[1:] == ["deactivated", "invalid"]


def test_a_key_that_was_changed_since_the_response_proves_nothing(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    challenge = challenges_of(client, order)["http-01"]
    old = client.key
    client.post(challenge["url"], {})
    assert client.change_key(ClientKey.new()).status == 200
    serve(stack, client, "a.example", challenge["token"])
    stack.run_jobs()
    assert old.thumbprint != client.key.thumbprint
    assert statuses(client, order, challenge) == ["invalid"] * 3


def test_the_key_that_responded_proves_although_it_was_changed_since(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    challenge = challenges_of(client, order)["http-01"]
    serve(stack, client, "a.example", challenge["token"])
    client.post(challenge["url"], {})
    client.change_key(ClientKey.new())
    stack.run_jobs()
    assert statuses(client, order, challenge) == ["valid", "valid", "ready"]


def test_a_look_that_broke_off_is_taken_again(stack: AcmeStack, client: AcmeClient) -> None:
    """What a process that ends leaves: the intent is written, and the job comes back."""
    order = client.order("a.example")
    challenge = challenges_of(client, order)["http-01"]
    client.post(challenge["url"], {})
    job = stack.queue.jobs[0]
    stack.world.broken = RuntimeError("no finding at all")
    with pytest.raises(RuntimeError, match="no finding"):
        stack.run_jobs()
    assert statuses(client, order, challenge) == ["processing", "pending", "pending"]
    stack.world.broken = None
    serve(stack, client, "a.example", challenge["token"])
    stack.queue.jobs.append(job)
    stack.run_jobs()
    assert statuses(client, order, challenge) == ["valid", "valid", "ready"]


def test_a_challenge_of_a_directory_that_was_closed_is_not_looked_at(
    stack: AcmeStack, client: AcmeClient
) -> None:
    challenge = challenges_of(client, client.order("a.example"))["http-01"]
    client.post(challenge["url"], {})
    operation = DeleteDirectory(project="one", slug="default")
    stack.runner.run(stack.gate.perform(make_caller(), operation, RequestContext("req_1")))
    stack.run_jobs()
    assert stack.world.fetched == []


def test_the_resolvers_of_the_directory_are_asked(stack: AcmeStack) -> None:
    stack.add_directory("two", rules=DirectoryRules(resolvers=("192.0.2.53:5353",)))
    client = stack.account(f"{URL}/acme/two/directory")
    challenge = challenges_of(client, client.order("a.example"))["dns-01"]
    client.post(challenge["url"], {})
    stack.run_jobs()
    assert stack.world.asked_resolvers == [("192.0.2.53:5353",)]
