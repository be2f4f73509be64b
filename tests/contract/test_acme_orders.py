"""newOrder and newAuthz in full, on both engines (RFC 8555 sections 7.1.3, 7.4 and 7.4.1; RFC 8738)."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from acme.directories import DirectoryRules
from ca_service.database.port import Database, Transaction
from tests.support.acme_client import AcmeClient, Reply, b64, make_csr, sign_jws
from tests.support.acme_orders import DAY, HOUR, location, order, prove, text
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import TENANT, FakeCustody, untyped
from tests.support.fakes.kernel import FakeClock


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    opened = AcmeStack(runner, database, clock)
    opened.add_directory("two", rules=DirectoryRules(further_profiles=("client",)))
    return opened


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account(f"{URL}/acme/two/directory")


# ---------------------------------------------------------------- the object


def test_201_with_location_status_pending_expires_identifiers_authorizations_finalize(
    client: AcmeClient,
) -> None:
    made = order(client, "b.example", "A.example")
    body = made.json()
    assert made.status == 201
    assert location(made).startswith(f"{URL}/acme/two/order/")
    assert body["status"] == "pending"
    assert datetime.fromisoformat(body["expires"]).tzinfo is UTC
    assert body["identifiers"] == [
        {"type": "dns", "value": "a.example"},
        {"type": "dns", "value": "b.example"},
    ]
    assert len(body["authorizations"]) == 2
    assert body["finalize"] == f"{location(made)}/finalize"


def test_token_at_least_128_bits_base64url_unique_per_challenge(client: AcmeClient) -> None:
    made = order(client, "a.example", "b.example").json()
    challenges = [each for url in made["authorizations"] for each in client.post(url).json()["challenges"]]
    tokens = [each["token"] for each in challenges]
    assert len(set(tokens)) == len(tokens) > 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,}", token) for token in tokens), tokens


def test_compound_where_kinds_of_refusal_differ_one_subproblem_for_each_name(client: AcmeClient) -> None:
    payload = {"identifiers": [{"type": "dns", "value": "a_b.example"}, {"type": "email", "value": "a@b.c"}]}
    refused = client.post(client.directory["newOrder"], payload)
    found = [(each["type"].rpartition(":")[2], each["identifier"]) for each in refused.json()["subproblems"]]
    assert (refused.status, refused.problem) == (400, "compound")
    assert found == [
        ("rejectedIdentifier", {"type": "dns", "value": "a_b.example"}),
        ("unsupportedIdentifier", {"type": "email", "value": "a@b.c"}),
    ]


def test_a_single_refused_name_is_a_subproblem_too(client: AcmeClient) -> None:
    refused = order(client, "a.example", "a_b.example")
    assert [each["identifier"]["value"] for each in refused.json()["subproblems"]] == ["a_b.example"]


# ---------------------------------------------------------------- addresses


def test_ip_identifier_canonical_text(client: AcmeClient) -> None:
    made = order(client, "2001:DB8::0:1", "::ffff:192.0.2.7")
    assert made.json()["identifiers"] == [
        {"type": "ip", "value": "192.0.2.7"},
        {"type": "ip", "value": "2001:db8::1"},
    ]


def test_ip_identifier_only_http_01_and_tls_alpn_01_offered(client: AcmeClient) -> None:
    [url] = order(client, "192.0.2.7").json()["authorizations"]
    authorization = client.post(url).json()
    assert authorization["identifier"] == {"type": "ip", "value": "192.0.2.7"}
    assert {each["type"] for each in authorization["challenges"]} <= {"http-01", "tls-alpn-01"}


def test_a_directory_that_takes_dns_01_only_refuses_addresses(stack: AcmeStack) -> None:
    stack.add_directory("dns-only", rules=DirectoryRules(challenges=("dns-01",)))
    refused = order(stack.account(f"{URL}/acme/dns-only/directory"), "192.0.2.7", "a.example")
    assert refused.problem == "rejectedIdentifier"
    assert [each["identifier"]["value"] for each in refused.json()["subproblems"]] == ["192.0.2.7"]


def test_a_directory_offers_the_challenges_of_its_rules_alone(stack: AcmeStack) -> None:
    stack.add_directory("http-only", rules=DirectoryRules(challenges=("http-01",)))
    client = stack.account(f"{URL}/acme/http-only/directory")
    [url] = order(client, "a.example").json()["authorizations"]
    assert [each["type"] for each in client.post(url).json()["challenges"]] == ["http-01"]


# ---------------------------------------------------------------- validity


def test_not_before_and_not_after_are_echoed(stack: AcmeStack, client: AcmeClient) -> None:
    start, end = text(stack.clock.now() + HOUR), text(stack.clock.now() + 3 * DAY)
    made = order(client, "a.example", notBefore=start, notAfter=end)
    again = client.post(location(made)).json()
    assert (again["notBefore"], again["notAfter"]) == (start, end)


def test_an_order_without_times_shows_none(client: AcmeClient) -> None:
    assert {"notBefore", "notAfter"} & order(client, "a.example").json().keys() == set()


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, timedelta()), (None, -DAY), (DAY, DAY), (2 * DAY, DAY), (-2 * HOUR, DAY)],
    ids=["ends-now", "past", "equal", "reversed", "begins-too-far-back"],
)
def test_not_after_past_equal_reversed_is_malformed(
    stack: AcmeStack, client: AcmeClient, start: timedelta | None, end: timedelta
) -> None:
    members = {"notAfter": text(stack.clock.now() + end)}
    if start is not None:
        members["notBefore"] = text(stack.clock.now() + start)
    refused = order(client, "a.example", **members)
    assert (refused.status, refused.problem) == (400, "malformed")


def test_beyond_the_ceiling_is_refused_with_a_clear_text(stack: AcmeStack, client: AcmeClient) -> None:
    refused = order(client, "a.example", notAfter=text(stack.clock.now() + 201 * DAY))
    assert (refused.status, "200 days from now" in refused.json()["detail"]) == (400, True)


def test_an_order_ends_before_the_certificate_it_asks_for(stack: AcmeStack, client: AcmeClient) -> None:
    end = text(stack.clock.now() + DAY)
    assert order(client, "a.example", notAfter=end).json()["expires"] == end


# ---------------------------------------------------------------- profiles


def test_profile_absent_is_the_default_and_is_echoed(client: AcmeClient) -> None:
    assert order(client, "a.example").json()["profile"] == "server"


def test_profile_is_echoed_in_the_order(client: AcmeClient) -> None:
    made = order(client, "a.example", profile="client")
    assert client.post(location(made)).json()["profile"] == "client"


@pytest.mark.parametrize("profile", ["", "other", "SERVER"])
def test_profile_unknown_is_invalid_profile(client: AcmeClient, profile: str) -> None:
    refused = order(client, "a.example", profile=profile)
    assert (refused.status, refused.problem) == (400, "invalidProfile")


@pytest.mark.parametrize("profile", [1, ["server"], {}, True])
def test_profile_that_is_no_text_is_malformed(client: AcmeClient, profile: object) -> None:
    assert order(client, "a.example", profile=profile).problem == "malformed"


def test_profile_of_another_directory_is_invalid_profile(stack: AcmeStack) -> None:
    assert order(stack.account(), "a.example", profile="client").problem == "invalidProfile"


# ---------------------------------------------------------------- reuse of orders


def test_reuse_identical_pending_order_of_same_account(client: AcmeClient) -> None:
    first = order(client, "a.example", "b.example")
    assert location(order(client, "B.example", "a.example")) == location(first)


def test_reuse_identical_ready_order_of_same_account(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example")
    prove(stack, client, first)
    again = order(client, "a.example")
    assert (location(again), again.json()["status"]) == (location(first), "ready")


def test_never_reuse_an_order_of_another_account(stack: AcmeStack, client: AcmeClient) -> None:
    other = stack.account(f"{URL}/acme/two/directory")
    assert location(order(other, "a.example")) != location(order(client, "a.example"))


def test_never_reuse_an_invalid_order(client: AcmeClient) -> None:
    first = order(client, "a.example")
    client.post(first.json()["authorizations"][0], {"status": "deactivated"})
    again = order(client, "a.example")
    assert (location(again) != location(first), again.json()["status"]) == (True, "pending")


def test_never_reuse_an_expired_order(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example")
    stack.clock.advance(8 * DAY)
    assert location(order(client, "a.example")) != location(first)


def test_never_reuse_an_order_that_is_about_to_expire(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example")
    stack.clock.advance(7 * DAY - HOUR / 2)
    assert location(order(client, "a.example")) != location(first)


def test_never_reuse_an_order_that_has_its_certificate(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example")
    prove(stack, client, first)
    client.post(first.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    assert location(order(client, "a.example")) != location(first)


def test_never_reuse_an_order_of_another_profile(client: AcmeClient) -> None:
    first = order(client, "a.example")
    assert location(order(client, "a.example", profile="client")) != location(first)


def test_never_reuse_an_order_for_another_time(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example")
    assert location(order(client, "a.example", notAfter=text(stack.clock.now() + DAY))) != location(first)


def test_never_reuse_an_order_for_fewer_names(client: AcmeClient) -> None:
    first = order(client, "a.example", "b.example")
    assert location(order(client, "a.example")) != location(first)


# ---------------------------------------------------------------- reuse of authorizations


def test_authz_reuse_makes_the_order_ready_at_once(stack: AcmeStack, client: AcmeClient) -> None:
    prove(stack, client, order(client, "a.example", "b.example"))
    made = order(client, "b.example")
    assert (made.json()["status"], client.post(location(made)).json()["status"]) == ("ready", "ready")


def test_an_order_on_reused_authz_is_finalized(stack: AcmeStack, client: AcmeClient) -> None:
    prove(stack, client, order(client, "a.example", "b.example"))
    made = order(client, "b.example").json()
    done = client.post(made["finalize"], {"csr": b64(make_csr("b.example"))})
    assert done.json()["status"] == "valid"


def test_authz_reuse_in_part_leaves_the_rest_to_prove(stack: AcmeStack, client: AcmeClient) -> None:
    prove(stack, client, order(client, "a.example"))
    made = order(client, "a.example", "b.example").json()
    statuses = [client.post(url).json()["status"] for url in made["authorizations"]]
    assert (made["status"], statuses) == ("pending", ["valid", "pending"])


def test_authz_reuse_limited_to_same_account(stack: AcmeStack, client: AcmeClient) -> None:
    prove(stack, client, order(client, "a.example"))
    other = stack.account(f"{URL}/acme/two/directory")
    assert order(other, "a.example").json()["status"] == "pending"


def test_authz_reuse_limited_to_the_same_directory(stack: AcmeStack, client: AcmeClient) -> None:
    prove(stack, client, order(client, "a.example"))
    elsewhere = stack.account(key=client.key)
    assert order(elsewhere, "a.example").json()["status"] == "pending"


def test_authz_reuse_limited_to_eight_hours(stack: AcmeStack, client: AcmeClient) -> None:
    prove(stack, client, order(client, "a.example", "b.example"))
    stack.clock.advance(8 * HOUR)
    assert order(client, "b.example").json()["status"] == "pending"


def test_authz_reuse_needs_remaining_life(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example", "b.example")
    stack.clock.advance(7 * DAY - HOUR / 2)
    prove(stack, client, first)
    assert order(client, "b.example").json()["status"] == "pending"


def test_an_order_never_outlives_the_authz_it_reuses(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example", "b.example")
    prove(stack, client, first)
    stack.clock.advance(HOUR)
    assert order(client, "b.example").json()["expires"] == first.json()["expires"]


def test_authz_that_was_given_up_is_not_reused(stack: AcmeStack, client: AcmeClient) -> None:
    first = order(client, "a.example", "b.example")
    prove(stack, client, first)
    client.post(first.json()["authorizations"][1], {"status": "deactivated"})
    assert order(client, "b.example").json()["status"] == "pending"


def test_authz_for_base_obtained_by_http_01_is_not_reused_for_the_wildcard(
    stack: AcmeStack, client: AcmeClient
) -> None:
    prove(stack, client, order(client, "a.example"))
    assert order(client, "*.a.example").json()["status"] == "pending"


def test_authz_for_the_wildcard_is_not_reused_for_the_base(stack: AcmeStack, client: AcmeClient) -> None:
    made = order(client, "*.a.example").json()
    [challenge] = client.post(made["authorizations"][0]).json()["challenges"]
    record = client.key_authorization(challenge["token"])
    from acme.challenges import digest_of

    stack.world.records["_acme-challenge.a.example"] = (digest_of(record).encode(),)
    client.post(challenge["url"], {})
    stack.run_jobs()
    assert order(client, "*.a.example").json()["status"] == "ready"
    assert order(client, "a.example").json()["status"] == "pending"


def test_deactivating_a_reused_authz_fails_every_open_order_that_rests_on_it(
    stack: AcmeStack, client: AcmeClient
) -> None:
    first = order(client, "a.example", "b.example")
    prove(stack, client, first)
    second = order(client, "b.example")
    client.post(first.json()["authorizations"][1], {"status": "deactivated"})
    found = [client.post(location(each)).json() for each in (first, second)]
    assert [(each["status"], each["error"]["type"].rpartition(":")[2]) for each in found] == [
        ("invalid", "unauthorized")
    ] * 2


def test_an_order_whose_reused_authz_is_given_up_meanwhile_is_not_made(
    stack: AcmeStack, client: AcmeClient
) -> None:
    first = order(client, "a.example", "b.example")
    prove(stack, client, first)
    url = first.json()["authorizations"][1]
    given_up = sign_jws(client.key, b'{"status":"deactivated"}', client.header(url))
    payload = {"identifiers": [{"type": "dns", "value": "b.example"}]}
    target = client.directory["newOrder"]
    asked = sign_jws(client.key, json.dumps(payload).encode(), client.header(target))

    async def at_once() -> tuple[Reply, Reply]:
        headers = {"Content-Type": "application/jose+json"}
        return await asyncio.gather(
            stack.exchange("POST", url, headers, given_up), stack.exchange("POST", target, headers, asked)
        )

    _, made = stack.runner.run(at_once())
    # Whichever came first, no order that looks ready rests on what was given up.
    assert made.status == 409 or client.post(location(made)).json()["status"] in {"pending", "invalid"}


# ---------------------------------------------------------------- newAuthz


def early(client: AcmeClient, value: str, type_: str = "dns") -> Reply:
    return client.post(client.directory["newAuthz"], {"identifier": {"type": type_, "value": value}})


def test_newauthz_201_with_location(client: AcmeClient) -> None:
    made = early(client, "A.example")
    assert made.status == 201
    assert made.json()["identifier"] == {"type": "dns", "value": "a.example"}
    assert client.post(made.header("location")).json() == made.json()


def test_newauthz_takes_an_address(client: AcmeClient) -> None:
    assert early(client, "2001:DB8::1", "ip").json()["identifier"]["value"] == "2001:db8::1"


def test_newauthz_wildcard_refused(client: AcmeClient) -> None:
    refused = early(client, "*.a.example")
    assert (refused.status, refused.problem) == (400, "rejectedIdentifier")


@pytest.mark.parametrize("payload", [{}, {"identifier": "a.example"}, {"identifier": []}, {"identifier": {}}])
def test_newauthz_without_an_identifier_is_malformed(client: AcmeClient, payload: object) -> None:
    assert client.post(client.directory["newAuthz"], payload).problem == "malformed"


def test_newauthz_used_by_a_later_order(stack: AcmeStack, client: AcmeClient) -> None:
    made = early(client, "a.example")
    prove(stack, client, made)
    later = order(client, "a.example").json()
    assert (later["status"], later["authorizations"]) == ("ready", [made.header("location")])


def test_newauthz_again_answers_the_one_that_is_open(stack: AcmeStack, client: AcmeClient) -> None:
    made = early(client, "a.example")
    prove(stack, client, made)
    again = early(client, "a.example")
    assert (again.header("location"), again.json()["status"]) == (made.header("location"), "valid")


def test_newauthz_after_a_failure_opens_another(client: AcmeClient) -> None:
    made = early(client, "a.example")
    client.post(made.header("location"), {"status": "deactivated"})
    assert early(client, "a.example").header("location") != made.header("location")


def test_an_account_has_a_bounded_number_of_authz_without_an_order(
    client: AcmeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acme.handlers.create_authorization.MAXIMUM_OPEN", 2)
    order(client, "x.example")
    replies = [early(client, f"{label}.example") for label in "abc"]
    assert [reply.problem for reply in replies] == ["", "", "rateLimited"]


# ---------------------------------------------------------------- the rest of the first half of section 6


def test_authz_only_readable_by_its_account(stack: AcmeStack, client: AcmeClient) -> None:
    [url] = order(client, "a.example").json()["authorizations"]
    other = stack.account(f"{URL}/acme/two/directory")
    unknown = f"{URL}/acme/two/authz/authz_0"
    found, missing = other.post(url), other.post(unknown)
    assert (found.status, found.json()["detail"]) == (404, missing.json()["detail"])


def test_authz_expires_present_when_valid(stack: AcmeStack, client: AcmeClient) -> None:
    made = order(client, "a.example")
    prove(stack, client, made)
    authorization = client.post(made.json()["authorizations"][0]).json()
    assert (authorization["status"], "expires" in authorization) == ("valid", True)


def test_deactivate_authz_200_deactivated_and_order_using_it_invalid(client: AcmeClient) -> None:
    made = order(client, "a.example")
    answered = client.post(made.json()["authorizations"][0], {"status": "deactivated"})
    assert (answered.status, answered.json()["status"]) == (200, "deactivated")
    assert client.post(location(made)).json()["status"] == "invalid"


def test_another_try_to_validate_a_deactivated_authz_is_malformed(client: AcmeClient) -> None:
    [url] = order(client, "a.example").json()["authorizations"]
    challenge = client.post(url, {"status": "deactivated"}).json()["challenges"][0]
    assert client.post(challenge["url"], {}).problem == "malformed"


def test_deactivating_an_authz_twice_is_malformed(client: AcmeClient) -> None:
    [url] = order(client, "a.example").json()["authorizations"]
    client.post(url, {"status": "deactivated"})
    assert client.post(url, {"status": "deactivated"}).problem == "malformed"


def test_deactivating_an_authz_of_another_account_does_nothing(stack: AcmeStack, client: AcmeClient) -> None:
    [url] = order(client, "a.example").json()["authorizations"]
    refused = stack.account(f"{URL}/acme/two/directory").post(url, {"status": "deactivated"})
    assert (refused.status, client.post(url).json()["status"]) == (404, "pending")


def test_pending_authz_are_cancelled_with_their_account(stack: AcmeStack, client: AcmeClient) -> None:
    made = order(client, "a.example")
    [challenge] = [
        each
        for each in client.post(made.json()["authorizations"][0]).json()["challenges"]
        if each["type"] == "http-01"
    ]
    token = challenge["token"]
    stack.world.answers["a.example", f"/.well-known/acme-challenge/{token}"] = client.key_authorization(
        token
    ).encode()
    client.post(challenge["url"], {})
    client.post(client.kid or "", {"status": "deactivated"})
    stack.run_jobs()
    statuses = stack.runner.run(_statuses(stack))
    assert statuses == [(True, True)]


async def _statuses(stack: AcmeStack) -> list[tuple[bool, bool]]:
    """Return of each authorization whether it was given up, and whether its order failed."""
    from sqlalchemy import select

    from acme.storage.tables import AUTHORIZATIONS, ORDERS
    from ca_service.database.statement import statement

    found = statement(
        select(AUTHORIZATIONS.c.deactivated_at, ORDERS.c.failure).select_from(AUTHORIZATIONS, ORDERS)
    )
    rows: list[Any] = await stack.database.read(found)
    return [(row[0] is not None, row[1] is not None) for row in rows]


async def _disable(stack: AcmeStack) -> None:
    """Take the profile `server` of the first project out of use."""
    from ca_service.identity.row_macs import RowMac
    from ca_service.x509.profiles import ProfileStatus
    from ca_service.x509.storage import profiles

    mac = RowMac(untyped(FakeCustody()), profiles.TABLE)
    found = await profiles.find_profile(stack.database, mac, TENANT, "server")
    assert found is not None
    changed = replace(found, status=ProfileStatus.DISABLED, version=found.version + 1)

    async def work(transaction: Transaction) -> None:
        assert await profiles.update_profile(transaction, mac, changed, found)
        transaction.announce()

    await stack.database.begin(work)


def test_profile_that_is_not_in_use_is_invalid_profile(stack: AcmeStack, client: AcmeClient) -> None:
    stack.runner.run(_disable(stack))
    assert order(client, "a.example").problem == "invalidProfile"
