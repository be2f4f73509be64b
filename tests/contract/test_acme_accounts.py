"""Accounts, orders and challenges over HTTP, on both engines (RFC 8555 sections 7.3 to 7.5)."""

import asyncio
import hashlib
from datetime import timedelta

import pytest

from ca_service.database.port import Database
from ca_service.egress.errors import ConnectionFailedError, DnsFailedError
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr, sign_jws
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.kernel import FakeClock

JOSE = {"Content-Type": "application/jose+json"}


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


# ---------------------------------------------------------------- accounts


def test_a_new_account_answers_201_with_its_address(stack: AcmeStack) -> None:
    reply = stack.client().register(contact=["mailto:a@example.com"])
    assert (reply.status, reply.json()["contact"]) == (201, ["mailto:a@example.com"])
    assert reply.json()["orders"] == reply.header("location") + "/orders"


def test_a_key_that_has_an_account_is_answered_with_it(client: AcmeClient) -> None:
    location = client.kid
    reply = client.register(contact=["mailto:other@example.com"])
    assert (reply.status, reply.header("location"), reply.json()["contact"]) == (200, location, [])


def test_many_requests_for_one_key_open_one_account(stack: AcmeStack) -> None:
    client = stack.client()
    url = client.directory["newAccount"]
    bodies = [sign_jws(client.key, b"{}", client.header(url)) for _ in range(4)]

    async def at_once() -> list[Reply]:
        return await asyncio.gather(*(stack.exchange("POST", url, JOSE, body) for body in bodies))

    replies = stack.runner.run(at_once())
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 201]
    assert len({reply.header("location") for reply in replies}) == 1


def test_only_an_existing_account_is_returned_if_asked_so(client: AcmeClient) -> None:
    location = client.kid
    assert client.register(onlyReturnExisting=True).header("location") == location


def test_none_is_opened_if_only_an_existing_one_was_asked_for(stack: AcmeStack) -> None:
    reply = stack.client().register(onlyReturnExisting=True)
    assert (reply.status, reply.problem) == (400, "accountDoesNotExist")


def test_what_a_client_says_of_status_and_orders_is_ignored(stack: AcmeStack) -> None:
    reply = stack.client().register(status="revoked", orders="https://evil", unknown={"a": 1})
    assert (reply.status, reply.json()["status"]) == (201, "valid")


@pytest.mark.parametrize(
    ("contact", "problem"),
    [
        (["tel:+4912345"], "unsupportedContact"),
        (["https://example.com"], "unsupportedContact"),
        (["a@example.com"], "unsupportedContact"),
        ([""], "unsupportedContact"),
        (["mailto:"], "invalidContact"),
        (["mailto:a"], "invalidContact"),
        (["mailto:a@example.com?subject=x"], "invalidContact"),
        (["mailto:a@example.com,b@example.com"], "invalidContact"),
        (["mailto:a@-example.com"], "invalidContact"),
        (["mailto:ä@example.com"], "invalidContact"),
        (["mailto:a b@example.com"], "invalidContact"),
        (["mailto:" + "a" * 300 + "@example.com"], "invalidContact"),
        (["mailto:a@example.com"] * 11, "malformed"),
        ("mailto:a@example.com", "malformed"),
        ([5], "malformed"),
    ],
    ids=str,
)
def test_a_contact_that_cannot_be_written_to_is_refused(
    stack: AcmeStack, contact: object, problem: str
) -> None:
    reply = stack.client().register(contact=contact)
    assert (reply.status, reply.problem) == (400, problem)


def test_an_account_reads_itself(client: AcmeClient) -> None:
    assert client.post(client.kid or "").json()["status"] == "valid"


def test_an_empty_update_answers_the_account(client: AcmeClient) -> None:
    assert client.post(client.kid or "", {}).status == 200


def test_contacts_are_replaced_and_removed(client: AcmeClient) -> None:
    client.post(client.kid or "", {"contact": ["mailto:new@example.com"]})
    assert client.post(client.kid or "").json()["contact"] == ["mailto:new@example.com"]
    client.post(client.kid or "", {"contact": []})
    assert client.post(client.kid or "").json()["contact"] == []


def test_the_account_of_another_is_unauthorized(stack: AcmeStack, client: AcmeClient) -> None:
    reply = client.post(stack.account().kid or "")
    assert (reply.status, reply.problem) == (403, "unauthorized")


def test_a_deactivated_account_does_nothing_any_more(client: AcmeClient) -> None:
    deactivated = client.post(client.kid or "", {"status": "deactivated"})
    after = [client.post(client.kid or ""), client.order("a.example"), client.register()]
    assert deactivated.json()["status"] == "deactivated"
    assert [(reply.status, reply.problem) for reply in after] == [(403, "unauthorized")] * 3


def test_an_account_is_not_revoked_by_itself(client: AcmeClient) -> None:
    assert client.post(client.kid or "", {"status": "revoked"}).problem == "malformed"


def test_orders_are_listed_newest_first(stack: AcmeStack, client: AcmeClient) -> None:
    made = []
    for name in "abc":
        made.append(client.order(f"{name}.example").header("location"))
        stack.clock.advance(timedelta(seconds=1))
    listed = client.post(f"{client.kid}/orders").json()["orders"]
    assert listed == made[::-1]


# ---------------------------------------------------------------- orders


def test_a_new_order_answers_201_with_its_address(client: AcmeClient) -> None:
    reply = client.order("a.example")
    assert reply.status == 201
    assert client.post(reply.header("location")).json() == reply.json()


def test_an_order_of_another_account_is_not_there(stack: AcmeStack, client: AcmeClient) -> None:
    url = stack.account().order("a.example").header("location")
    assert client.post(url).status == 404


def test_names_are_folded_and_each_stands_once(client: AcmeClient) -> None:
    order = client.order("B.example", "a.EXAMPLE", "b.example").json()
    assert [each["value"] for each in order["identifiers"]] == ["a.example", "b.example"]
    assert len(order["authorizations"]) == 2


@pytest.mark.parametrize("name", ["host", "host.corp", "a.localhost", "xn--bcher-kva.example"])
def test_private_and_single_label_names_are_taken(client: AcmeClient, name: str) -> None:
    assert client.order(name).status == 201


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({}, "malformed"),
        ({"identifiers": []}, "malformed"),
        ({"identifiers": "a.example"}, "malformed"),
        ({"identifiers": ["a.example"]}, "malformed"),
        ({"identifiers": [{"type": "dns"}]}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": ""}]}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": 5}]}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": f"h{n}.example"} for n in range(101)]}, "malformed"),
        ({"identifiers": [{"type": "ip", "value": "192.0.2"}]}, "rejectedIdentifier"),
        ({"identifiers": [{"type": "email", "value": "a@b.c"}]}, "unsupportedIdentifier"),
        (
            {"identifiers": [{"type": "dns", "value": "a.example"}], "notAfter": "2026-01-01T00:00:00Z"},
            "malformed",
        ),
        ({"identifiers": [{"type": "dns", "value": "a.example"}], "notBefore": "x"}, "malformed"),
        ({"identifiers": [{"type": "dns", "value": "a.example"}], "profile": "other"}, "invalidProfile"),
    ],
    ids=str,
)
def test_an_order_that_cannot_be_taken_is_refused(client: AcmeClient, payload: object, problem: str) -> None:
    reply = client.post(client.directory["newOrder"], payload)
    assert (reply.status, reply.problem) == (400, problem)


@pytest.mark.parametrize(
    "name",
    [
        "a.example.",
        ".example",
        "a..example",
        "a" * 64 + ".example",
        ".".join(["a" * 60] * 5),
        "a_b.example",
        "a b.example",
        "bücher.example",
        "xn--a.example",
        "ab--cd.example",
        "192.0.2.1",
        "1.2.3.0x4",
        "*",
        "a.*.example",
        "*.*.example",
        "f*.example",
        "-a.example",
        "a.example/x",
        "a.example:80",
        "a\0.example",
    ],
    ids=ascii,
)
def test_a_name_that_is_none_is_rejected_with_its_reason(client: AcmeClient, name: str) -> None:
    reply = client.order(name)
    assert (reply.status, reply.problem) == (400, "rejectedIdentifier")
    assert len(reply.json()["detail"]) > 20


def test_each_rejected_name_has_a_subproblem(client: AcmeClient) -> None:
    reply = client.order("a_b.example", "good.example", "x y")
    values = [each["identifier"]["value"] for each in reply.json()["subproblems"]]
    assert values == ["a_b.example", "x y"]


def test_a_wildcard_is_validated_at_its_base_and_by_dns_only(client: AcmeClient) -> None:
    order = client.order("*.example.com").json()
    found = client.post(order["authorizations"][0]).json()
    assert (found["identifier"]["value"], found["wildcard"]) == ("example.com", True)
    assert [each["type"] for each in found["challenges"]] == ["dns-01"]


def test_a_name_and_its_wildcard_have_two_authorizations(client: AcmeClient) -> None:
    order = client.order("example.com", "*.example.com").json()
    found = [client.post(url).json() for url in order["authorizations"]]
    assert sorted((each["identifier"]["value"], each.get("wildcard", False)) for each in found) == [
        ("example.com", False),
        ("example.com", True),
    ]


def prove_by_dns(
    stack: AcmeStack, client: AcmeClient, order: Reply, *, others: tuple[bytes, ...] = ()
) -> None:
    """Answer the dns-01 challenge of every authorization of an order."""
    for url in order.json()["authorizations"]:
        authorization = client.post(url).json()
        [challenge] = [each for each in authorization["challenges"] if each["type"] == "dns-01"]
        digest = b64(hashlib.sha256(client.key_authorization(challenge["token"]).encode()).digest()).encode()
        name = f"_acme-challenge.{authorization['identifier']['value']}"
        known = stack.world.records.get(name, ())
        assert isinstance(known, tuple)
        stack.world.records[name] = (*others, *known, digest)
        client.post(challenge["url"], {})
    stack.run_jobs()


def test_a_name_and_its_wildcard_are_proved_by_two_records_at_one_name(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("example.com", "*.example.com")
    prove_by_dns(stack, client, order, others=(b"v=spf1 -all",))
    done = client.post(order.json()["finalize"], {"csr": b64(make_csr("example.com", "*.example.com"))})
    assert done.json()["status"] == "valid"


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        (None, "unauthorized"),
        ((b"other", b""), "unauthorized"),
        ((), "unauthorized"),
        (DnsFailedError("It failed.", name="n", resolver="r", rcode="SERVFAIL"), "dns"),
    ],
    ids=["none", "others", "empty", "servfail"],
)
def test_a_record_that_does_not_match_proves_nothing(
    stack: AcmeStack, client: AcmeClient, records: tuple[bytes, ...] | DnsFailedError | None, problem: str
) -> None:
    order = client.order("*.example.com")
    if records is not None:
        stack.world.records["_acme-challenge.example.com"] = records
    [challenge] = client.post(order.json()["authorizations"][0]).json()["challenges"]
    client.post(challenge["url"], {})
    for _ in range(3):
        stack.run_jobs()
    error = client.post(challenge["url"]).json()["error"]
    assert error["type"] == f"urn:ietf:params:acme:error:{problem}"


def test_an_account_has_at_most_300_open_orders(
    stack: AcmeStack, client: AcmeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acme.handlers.create_order.MAXIMUM_OPEN", 2)
    replies = [client.order(name) for name in ("a.example", "b.example", "c.example")]
    assert [reply.problem for reply in replies] == ["", "", "rateLimited"]
    assert replies[2].header("retry-after")


# ---------------------------------------------------------------- challenges


def challenge_of(client: AcmeClient, order: Reply) -> tuple[str, dict[str, str]]:
    """Return the address of an order's first authorization and its http-01 challenge."""
    url = order.json()["authorizations"][0]
    [challenge] = [each for each in client.post(url).json()["challenges"] if each["type"] == "http-01"]
    return url, challenge


def test_reading_a_challenge_does_not_start_it(stack: AcmeStack, client: AcmeClient) -> None:
    _, challenge = challenge_of(client, client.order("a.example"))
    assert (client.post(challenge["url"]).json()["status"], stack.queue.jobs) == ("pending", [])


def test_responding_starts_exactly_one_validation(stack: AcmeStack, client: AcmeClient) -> None:
    _, challenge = challenge_of(client, client.order("a.example"))
    replies = [client.post(challenge["url"], {}) for _ in range(3)]
    assert [reply.json()["status"] for reply in replies] == ["processing"] * 3
    assert len(stack.queue.jobs) == 1


def test_a_processing_challenge_says_when_to_ask_again_and_where_it_belongs(client: AcmeClient) -> None:
    url, challenge = challenge_of(client, client.order("a.example"))
    reply = client.post(challenge["url"], {})
    assert reply.header("retry-after") == "1"
    assert f'<{url}>;rel="up"' in reply.headers["link"]


def test_a_response_with_members_of_old_drafts_is_taken(client: AcmeClient) -> None:
    _, challenge = challenge_of(client, client.order("a.example"))
    reply = client.post(challenge["url"], {"keyAuthorization": "x.y", "resource": "challenge"})
    assert reply.json()["status"] == "processing"


def test_whitespace_at_the_end_of_an_answer_is_ignored(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    _, challenge = challenge_of(client, order)
    body = client.key_authorization(challenge["token"]).encode() + b" \r\n\n"
    stack.world.answers["a.example", f"/.well-known/acme-challenge/{challenge['token']}"] = body
    client.post(challenge["url"], {})
    stack.run_jobs()
    assert client.post(order.header("location")).json()["status"] == "ready"


@pytest.mark.parametrize("prefix", [b" ", b"x", b"\xff"])
def test_a_wrong_answer_fails_challenge_authorization_and_order(
    stack: AcmeStack, client: AcmeClient, prefix: bytes
) -> None:
    order = client.order("a.example")
    url, challenge = challenge_of(client, order)
    body = prefix + client.key_authorization(challenge["token"]).encode()
    stack.world.answers["a.example", f"/.well-known/acme-challenge/{challenge['token']}"] = body
    client.post(challenge["url"], {})
    stack.run_jobs()
    objects = [client.post(each).json() for each in (challenge["url"], url, order.header("location"))]
    assert [each["status"] for each in objects] == ["invalid"] * 3
    assert (
        objects[0]["error"]["type"]
        == objects[2]["error"]["type"]
        == "urn:ietf:params:acme:error:unauthorized"
    )


def test_the_answer_for_another_account_proves_nothing(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    _, challenge = challenge_of(client, order)
    body = f"{challenge['token']}.{ClientKey.new().thumbprint}".encode()
    stack.world.answers["a.example", f"/.well-known/acme-challenge/{challenge['token']}"] = body
    client.post(challenge["url"], {})
    stack.run_jobs()
    assert client.post(challenge["url"]).json()["status"] == "invalid"


def test_trouble_on_the_way_is_tried_again(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    _, challenge = challenge_of(client, order)
    key = "a.example", f"/.well-known/acme-challenge/{challenge['token']}"
    stack.world.answers[key] = ConnectionFailedError("Nobody listens at 192.0.2.1 port 80.")
    client.post(challenge["url"], {})
    stack.run_jobs()
    assert client.post(challenge["url"]).json()["status"] == "processing"
    stack.world.answers[key] = client.key_authorization(challenge["token"]).encode()
    stack.run_jobs()
    assert client.post(challenge["url"]).json()["status"] == "valid"


def test_trouble_that_stays_fails_the_challenge_with_its_reason(stack: AcmeStack, client: AcmeClient) -> None:
    _, challenge = challenge_of(client, client.order("a.example"))
    stack.world.default = DnsFailedError(
        "The resolver failed.", name="a.example", resolver="r", rcode="SERVFAIL"
    )
    client.post(challenge["url"], {})
    for _ in range(3):
        stack.run_jobs()
    found = client.post(challenge["url"]).json()
    assert (found["status"], found["error"]["type"]) == ("invalid", "urn:ietf:params:acme:error:dns")
    assert stack.queue.jobs == []


def test_retries_wait_longer_each_time(stack: AcmeStack, client: AcmeClient) -> None:
    _, challenge = challenge_of(client, client.order("a.example"))
    stack.world.default = ConnectionFailedError("Nobody listens.")
    client.post(challenge["url"], {})
    waits = []
    for _ in range(2):
        stack.run_jobs()
        [(_, _, run_at)] = stack.queue.jobs
        assert run_at is not None
        waits.append(run_at - stack.clock.now())
    assert timedelta(0) < waits[0] < waits[1]


def test_a_job_that_runs_twice_changes_nothing_the_second_time(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    _, challenge = challenge_of(client, order)
    client.post(challenge["url"], {})
    job = stack.queue.jobs[0]
    body = client.key_authorization(challenge["token"]).encode()
    stack.world.answers["a.example", f"/.well-known/acme-challenge/{challenge['token']}"] = body
    stack.run_jobs()
    stack.world.answers.clear()
    stack.queue.jobs.append(job)
    stack.run_jobs()
    assert client.post(challenge["url"]).json()["status"] == "valid"


def test_validation_is_performed_by_the_job_and_audited(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    stack.prove(client, order)
    [entry] = [each for each in stack.trail.entries if each.action == "acme:validate-challenge"]
    assert entry.caller == 'System::"acme-validate"'


def test_a_valid_authorization_shows_the_challenge_that_was_met(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    stack.prove(client, order)
    found = client.post(order.json()["authorizations"][0]).json()
    assert [(each["type"], each["status"]) for each in found["challenges"]] == [("http-01", "valid")]
    assert found["challenges"][0]["validated"].endswith("Z")


def test_a_challenge_of_a_failed_authorization_is_not_looked_at_again(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    _, challenge = challenge_of(client, order)
    client.post(challenge["url"], {})
    for _ in range(3):
        stack.run_jobs()
    again = client.post(challenge["url"], {})
    assert (again.json()["status"], stack.queue.jobs) == ("invalid", [])


def test_a_deactivated_authorization_fails_its_order(client: AcmeClient) -> None:
    order = client.order("a.example")
    url, challenge = challenge_of(client, order)
    assert client.post(url, {"status": "deactivated"}).json()["status"] == "deactivated"
    assert client.post(order.header("location")).json()["status"] == "invalid"
    assert client.post(challenge["url"], {}).problem == "malformed"


def test_an_authorization_is_changed_to_deactivated_only(client: AcmeClient) -> None:
    url, _ = challenge_of(client, client.order("a.example"))
    assert [client.post(url, payload).problem for payload in ({}, {"status": "valid"})] == ["malformed"] * 2


def test_an_order_that_ran_out_of_time_is_invalid(stack: AcmeStack, client: AcmeClient) -> None:
    order = client.order("a.example")
    stack.clock.advance(timedelta(days=8))
    found = client.post(order.header("location")).json()
    assert (found["status"], "expired" in found["error"]["detail"]) == ("invalid", True)


@pytest.mark.parametrize("kind", ["order", "authz", "challenge", "certificate"])
def test_what_belongs_to_another_account_is_not_told_from_what_does_not_exist(
    stack: AcmeStack, client: AcmeClient, kind: str
) -> None:
    other = stack.account()
    order = other.order("a.example")
    url, challenge = challenge_of(other, order)
    theirs = {
        "order": order.header("location"),
        "authz": url,
        "challenge": challenge["url"],
        "certificate": f"{URL}/acme/default/certificate/crt_1",
    }[kind]
    replies = [client.post(each).json() for each in (theirs, theirs[: theirs.rindex("/")] + "/none")]
    assert {**replies[0], "request_id": ""} == {**replies[1], "request_id": ""}
