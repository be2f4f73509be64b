"""curl against the rest of the API: inventory, idempotency keys, tokens and refusals, on both databases."""

import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.curl import Curl
from tests.support.curl_certificates import CERTIFICATES, instant, issue, issue_from_csr
from tests.support.server import Server

IDENTITIES = "/v1/organizations/default/identities"
MEMBERSHIPS = "/v1/projects/default/memberships"


@pytest.fixture
def curl(either_server: Server, tmp_path: Path) -> Curl:
    return Curl(either_server, tmp_path)


@pytest.fixture
def word() -> str:
    """A label that no other test's names have."""
    return f"t{uuid4().hex[:12]}"


def found(curl: Curl, **query: Any) -> list[dict[str, Any]]:
    """Return what the inventory answers."""
    answer = curl.get(f"{CERTIFICATES}?{urllib.parse.urlencode(query)}")
    assert answer.status == 200, answer.body
    assert set(answer.json()) == {"items", "next_cursor"}
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_given_a_serial_number_then_one_certificate_is_found(curl: Curl) -> None:
    issued = issue(curl, common_name="serial.example.com")

    [item] = found(curl, serial_number=issued["serial_number"])

    shared = set(issued) - {"private_key"}
    assert {name: item[name] for name in shared} == {name: issued[name] for name in shared}
    assert "private_key" not in item


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("{word}.example.com", ["exact"]),
        ("{word}.EXAMPLE.com", ["exact"]),
        ("*.{word}.example.com", ["below", "deeper"]),
        ("{word}.*", ["exact", "elsewhere"]),
        ("{word}", []),
    ],
)
def test_given_a_name_filter_then_exactly_its_matches_are_found(
    curl: Curl, word: str, asked: str, expected: list[str]
) -> None:
    names = {
        "exact": f"{word}.example.com",
        "below": f"a.{word}.example.com",
        "deeper": f"a.b.{word}.example.com",
        "elsewhere": f"{word}.example.net",
        "beside": f"x{word}.example.com",
    }
    made = {kind: issue(curl, dns_names=[name])["id"] for kind, name in names.items()}

    assert set(ids(found(curl, name=asked.format(word=word)))) == {made[kind] for kind in expected}


def test_given_a_status_then_revoked_and_valid_are_told_apart(curl: Curl, word: str) -> None:
    name = f"{word}.example.com"
    kept, gone = (issue(curl, common_name=name)["id"] for _ in range(2))
    curl.post(f"{CERTIFICATES}/{gone}/revoke")

    assert ids(found(curl, name=name, status="valid")) == [kept]
    assert ids(found(curl, name=name, status="revoked")) == [gone]


def test_given_a_lifetime_of_a_second_then_it_is_found_as_expired(curl: Curl, word: str) -> None:
    name = f"{word}.example.com"
    issued = issue(curl, common_name=name, ttl="1s")

    # Asking is what takes the time.
    while not (expired := found(curl, name=name, status="expired")):
        assert ids(found(curl, name=name)) == [issued["id"]]

    assert [(item["id"], item["status"]) for item in expired] == [(issued["id"], "expired")]


def test_given_a_profile_then_its_certificates_are_found(curl: Curl, word: str) -> None:
    name = f"{word}.example.com"
    server = issue(curl, common_name=name)["id"]
    client = issue(curl, common_name=name, profile="client")["id"]

    assert ids(found(curl, name=name, profile="server")) == [server]
    assert ids(found(curl, name=name, profile="client")) == [client]


def test_given_an_authority_then_its_certificates_are_found(curl: Curl, word: str) -> None:
    name = f"{word}.example.com"
    issued = issue(curl, common_name=name)["id"]

    assert ids(found(curl, name=name, authority="issuing")) == [issued]
    assert found(curl, name=name, authority="root") == []
    assert found(curl, name=name, authority="no-such") == []


def test_given_a_moment_then_what_expires_before_it_is_found(curl: Curl, word: str) -> None:
    name = f"{word}.example.com"
    short = issue(curl, common_name=name, ttl="1h")
    long = issue(curl, common_name=name, ttl="2h")

    assert ids(found(curl, name=name, expires_before=long["not_after"])) == [short["id"]]
    assert found(curl, name=name, expires_before=short["not_after"]) == []


def test_given_an_order_then_the_list_has_it(curl: Curl, word: str) -> None:
    name = f"{word}.example.com"
    first, second, third = (issue(curl, common_name=name, ttl=ttl)["id"] for ttl in ("2h", "3h", "1h"))

    assert ids(found(curl, name=name)) == [third, second, first]
    assert ids(found(curl, name=name, order_by="created_at")) == [first, second, third]
    assert ids(found(curl, name=name, order_by="not_after")) == [third, first, second]
    assert ids(found(curl, name=name, order_by="-not_after")) == [second, first, third]


@pytest.mark.parametrize("order_by", ["-created_at", "created_at", "not_after", "-not_after"])
def test_given_pages_then_each_certificate_is_on_exactly_one(curl: Curl, word: str, order_by: str) -> None:
    name = f"{word}.example.com"
    made = {issue(curl, common_name=name, ttl="1h")["id"] for _ in range(5)}
    query = urllib.parse.urlencode({"name": name, "order_by": order_by, "limit": 2})

    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = curl.get(f"{CERTIFICATES}?{query}" + (f"&cursor={cursor}" if cursor else "")).json()
        pages.append(ids(page["items"]))
        cursor = page["next_cursor"]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert {one for page in pages for one in page} == made


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=%21", "cursor"),
        ("status=gone", "status"),
        ("expires_before=tomorrow", "expires_before"),
        ("colour=red", "colour"),
    ],
)
def test_given_a_filter_that_cannot_be_read_then_400_names_it(curl: Curl, query: str, field: str) -> None:
    answer = curl.get(f"{CERTIFICATES}?{query}")

    assert (answer.status, answer.json()["field"]) == (400, field)


def test_given_an_idempotency_key_then_the_second_answer_is_the_first_key_included(
    curl: Curl, word: str
) -> None:
    body = {"profile": "server", "common_name": f"{word}.example.com"}
    header = ("--header", f"Idempotency-Key: {word}")

    first, second = (curl.post(CERTIFICATES, body, *header) for _ in range(2))

    assert (first.status, second.status) == (201, 201)
    assert second.json() == first.json()
    assert second.json()["private_key"]
    assert second.headers["location"] == first.headers["location"]
    assert ("idempotent-replay" in first.headers, second.headers["idempotent-replay"]) == (False, "true")
    assert len(found(curl, name=body["common_name"])) == 1


def test_given_an_idempotency_key_of_another_request_then_422_and_nothing_is_issued(
    curl: Curl, word: str
) -> None:
    header = ("--header", f"Idempotency-Key: {word}")
    curl.post(CERTIFICATES, {"profile": "server", "common_name": f"{word}.example.com"}, *header)

    other = curl.post(CERTIFICATES, {"profile": "server", "common_name": f"{word}.example.net"}, *header)

    assert other.status == 422
    assert found(curl, name=f"{word}.example.net") == []


@pytest.mark.parametrize("key", ["a b", "x" * 256])
def test_given_an_idempotency_key_that_is_none_then_400_names_the_header(curl: Curl, key: str) -> None:
    body = {"profile": "server", "common_name": "key.example.com"}

    answer = curl.post(CERTIFICATES, body, "--header", f"Idempotency-Key: {key}")

    assert (answer.status, answer.json()["field"]) == (400, "Idempotency-Key")


Login = Callable[..., dict[str, Any]]


@pytest.fixture
def log_in(curl: Curl, word: str) -> Login:
    """Make a machine identity with a role in the project `default`, and log in as it."""

    def make(role: str | None = "member", **terms: Any) -> dict[str, Any]:
        identity = curl.post(IDENTITIES, {"name": word, **terms}).json()["id"]
        if role is not None:
            assert curl.post(MEMBERSHIPS, {"identity": identity, "role": role}).status == 201
        secret = curl.post(f"{IDENTITIES}/{identity}/client-secrets").json()
        body = {"client_id": secret["client_id"], "client_secret": secret["client_secret"]}
        answer = curl.post("/v1/auth/universal/login", body, token=None)
        assert answer.status == 200, answer.body
        issued: dict[str, Any] = answer.json()
        return issued | {"identity": identity}

    return make


def test_given_a_client_secret_then_a_token_is_answered(curl: Curl, log_in: Login) -> None:
    token = log_in(token_ttl="10m", token_max_ttl="1h")

    assert set(token) == {"access_token", "expires_in", "max_ttl", "token_type", "identity"}
    assert (token["expires_in"], token["max_ttl"], token["token_type"]) == (600, 3600, "Bearer")
    known = curl.get("/v1/auth/self", token=token["access_token"]).json()
    assert (known["kind"], known["id"], known["authenticated_by"]) == (
        "identity",
        token["identity"],
        "universal",
    )


def test_given_a_renewal_then_the_same_token_lives_longer(curl: Curl, log_in: Login) -> None:
    token = log_in(token_ttl="10m", token_max_ttl="1h")["access_token"]
    before = instant(curl.get("/v1/auth/self", token=token).json()["expires_at"])

    renewed = curl.post("/v1/auth/token/renew", {"ttl": "30m"}, token=token)

    assert (renewed.status, renewed.json()["expires_in"]) == (200, 1800)
    assert instant(curl.get("/v1/auth/self", token=token).json()["expires_at"]) > before


def test_given_a_renewal_beyond_the_longest_life_then_422_and_the_token_stays_as_it_is(
    curl: Curl, log_in: Login
) -> None:
    token = log_in(token_ttl="10m", token_max_ttl="20m")["access_token"]

    before = curl.get("/v1/auth/self", token=token).json()

    renewed = curl.post("/v1/auth/token/renew", {"ttl": "5h"}, token=token)

    assert (renewed.status, renewed.json()["field"]) == (422, "ttl")
    assert curl.get("/v1/auth/self", token=token).json() == before


def test_given_a_revocation_then_the_token_opens_nothing(curl: Curl, log_in: Login) -> None:
    token = log_in()["access_token"]

    revoked = curl.post("/v1/auth/token/revoke", token=token)

    assert (revoked.status, revoked.body) == (204, b"")
    assert curl.get("/v1/auth/self", token=token).status == 401


@pytest.mark.parametrize("client_secret", ["wrong", ""])
def test_given_a_wrong_client_secret_then_401_says_no_more(curl: Curl, word: str, client_secret: str) -> None:
    identity = curl.post(IDENTITIES, {"name": word}).json()["id"]
    client_id = curl.post(f"{IDENTITIES}/{identity}/client-secrets").json()["client_id"]

    wrong, unknown = (
        curl.post("/v1/auth/universal/login", {"client_id": one, "client_secret": client_secret}, token=None)
        for one in (client_id, "no-such")
    )

    assert (wrong.status, unknown.status) == (401, 401)
    assert problem_of(wrong.json()) == problem_of(unknown.json())


def problem_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return a problem without what differs from request to request."""
    return {name: value for name, value in document.items() if name not in {"request_id", "decision_id"}}


@pytest.mark.parametrize("token", [None, "kw_nonsense"])
def test_given_no_token_or_a_wrong_one_then_401_as_a_problem(curl: Curl, token: str | None) -> None:
    answer = curl.get(CERTIFICATES, token=token)

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "request_id"}
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_given_a_viewer_then_issuing_is_forbidden_with_the_decision(curl: Curl, log_in: Login) -> None:
    token = log_in("viewer")["access_token"]
    assert curl.get(CERTIFICATES, token=token).status == 200

    answer = curl.post(CERTIFICATES, {"profile": "server", "common_name": "v.example.com"}, token=token)

    assert answer.status == 403
    assert set(answer.json()) >= {"type", "title", "status", "detail", "request_id", "decision_id"}
    assert answer.json()["decision_id"].startswith("dec_")


def test_given_who_may_not_see_a_project_then_404_as_if_it_did_not_exist(curl: Curl, log_in: Login) -> None:
    token = log_in(None)["access_token"]

    hidden, missing = (
        curl.get(f"/v1/projects/{project}/x509/certificates", token=token)
        for project in ("default", "no-such")
    )

    assert (hidden.status, missing.status) == (404, 404)
    assert problem_of(hidden.json()) == problem_of(missing.json())


def test_given_a_certificate_of_another_project_then_404_as_if_it_did_not_exist(
    curl: Curl, word: str
) -> None:
    curl.post("/v1/organizations/default/projects", {"slug": word})
    issued = issue(curl, common_name="mine.example.com")["id"]

    elsewhere, missing = (
        curl.get(f"/v1/projects/{word}/x509/certificates/{one}") for one in (issued, "crt_no_such")
    )

    assert (elsewhere.status, missing.status) == (404, 404)
    assert problem_of(elsewhere.json()) == problem_of(missing.json())


def test_given_a_name_that_is_refused_then_its_place_and_the_rule_are_told(curl: Curl) -> None:
    names = ["good.example.com", "bad_.example.com"]

    answer = curl.post(CERTIFICATES, {"profile": "server", "dns_names": names})

    assert (answer.status, answer.json()["field"]) == (422, "dns_names[1]")
    assert answer.json()["rule"]


def test_given_a_project_id_then_it_stands_for_the_slug(curl: Curl) -> None:
    project = curl.get("/v1/projects/default").json()["id"]
    issued = issue_from_csr(curl, "id.example.com")

    assert curl.get(f"/v1/projects/{project}/x509/certificates/{issued['id']}").status == 200


def test_given_an_issuance_then_the_trail_has_it(curl: Curl) -> None:
    answer = curl.post(
        CERTIFICATES,
        {"profile": "server", "common_name": "trail.example.com"},
        *("--header", "X-Request-Id: trail-1"),
    )

    entries = curl.get("/v1/audit?project=default&action=x509:issue&outcome=done&limit=5").json()["items"]
    [entry] = [entry for entry in entries if entry["request_id"] == "trail-1"]
    assert answer.headers["x-request-id"] == "trail-1"
    assert answer.json()["private_key"] not in str(entry)


def test_given_an_explanation_then_it_says_what_decided(curl: Curl, log_in: Login) -> None:
    identity = log_in("viewer")["identity"]
    authority = issue(curl, common_name="why.example.com")["authority_id"]
    body = {
        "principal": f'Identity::"{identity}"',
        "action": "x509:issue",
        "resource": f'Authority::"{authority}"',
        "project": "default",
        "context": {"profile": "server", "key_algorithm": "EC_P256", "ttl": "1h"},
    }

    answer = curl.post("/v1/policy/explain", body)

    assert (answer.status, answer.json()["allowed"]) == (200, False)
