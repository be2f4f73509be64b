"""The door: the contract's words over HTTP, on both engines, with the real gate behind it."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ca_service.database.port import Database
from ca_service.policy.sets import BuiltInPolicy
from ca_service.x509.built_in_profiles import BUILT_IN_PROFILES
from ca_service.x509.http import PROJECT_ROUTES, public_routes
from tests.support.fakes.kernel import FakeClock
from tests.support.web import ALICES_TOKEN, Answered, InProcess, _exchange
from tests.support.x509_ground import CertificateGround, make_csr, parse, pem_csr

_ALICE = BuiltInPolicy(
    "test:alice",
    'permit(principal == Identity::"idn_alice", action, resource) '
    "when { if context has name then [true, false].contains(context.name.wildcard) else true };",
)
BASE = "/v1/projects/default/x509"


class Site:
    """The routes of x509 over a ground, called on the loop of the test."""

    def __init__(self, runner: asyncio.Runner, ground: CertificateGround) -> None:
        self._runner = runner
        routes = [*PROJECT_ROUTES, *public_routes(ground.assembly.artefacts, ground.assembly.responder)]
        gate: Any = ground.gate
        self.ground = ground
        self.tls = InProcess(routes, gate=gate).front
        self.plain = InProcess(routes, gate=gate, plain=True).front

    def call(
        self, method: str, path: str, value: Any = None, *, plain: bool = False, **headers: Any
    ) -> Answered:
        target, _, query = path.partition("?")
        raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        raw.append((b"host", b"ca.example"))
        body = b"" if value is None else msgspec.json.encode(value)
        if body:
            raw.append((b"content-type", b"application/json"))
        if path.startswith("/v1/"):
            raw.append((b"authorization", f"Bearer {ALICES_TOKEN}".encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": ("192.0.2.7", 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": raw,
            "state": {},
        }
        return self._runner.run(_exchange(self.plain if plain else self.tls, scope, [body]))

    def get(self, path: str, **headers: Any) -> Answered:
        return self.call("GET", path, **headers)

    def post(self, path: str, value: Any, **headers: Any) -> Answered:
        return self.call("POST", path, value, **headers)

    def issue(self, **fields: Any) -> dict[str, Any]:
        answered = self.post(f"{BASE}/certificates", {"profile": "server", **fields})
        assert answered.status == 201, answered.body
        body: dict[str, Any] = answered.json()
        return body


@pytest.fixture
def site(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Site:
    return Site(runner, runner.run(CertificateGround(database, clock, (_ALICE,)).start()))


def test_a_csr_is_answered_as_the_contract_says(site: Site) -> None:
    answered = site.post(
        f"{BASE}/certificates",
        {"profile": "server", "csr": pem_csr(make_csr("api.example.com")), "ttl": "90d"},
    )
    body = answered.json()
    assert answered.status == 201
    assert answered.headers["location"] == f"{BASE}/certificates/{body['id']}"
    assert answered.headers["cache-control"] == "no-store"
    assert (body["profile"], body["authority"], body["status"]) == ("server", "issuing", "valid")
    assert body["names"] == [{"type": "dns", "value": "api.example.com"}]
    assert body["certificate"].endswith("-----END CERTIFICATE-----\n")
    assert [pem.endswith("\n") for pem in body["chain"]] == [True]
    assert "private_key" not in body


def test_a_key_made_here_comes_as_pkcs8(site: Site) -> None:
    body = site.issue(common_name="api.example.com", dns_names=["*.api.example.com"])
    assert body["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")
    assert body["private_key"].endswith("\n")
    key = load_pem_private_key(body["private_key"].encode(), None)
    assert key.public_key() == parse(body["certificate"]).public_key()


@pytest.mark.parametrize("algorithm", ["RSA_2048", "EC_P384", "EC_P521", "ED25519"])
def test_every_key_algorithm_is_made(site: Site, algorithm: str) -> None:
    assert site.issue(dns_names=["a.example"], key_algorithm=algorithm)["key_algorithm"] == algorithm


def test_times_are_rfc_3339_in_utc(site: Site) -> None:
    body = site.issue(dns_names=["a.example"])
    assert body["not_after"].endswith("Z")
    assert len(body["not_after"]) == 20


def test_a_certificate_is_read_again_without_its_key(site: Site) -> None:
    issued = site.issue(dns_names=["a.example"])
    found = site.get(f"{BASE}/certificates/{issued['id']}").json()
    assert "private_key" not in found
    assert {name: found[name] for name in ("certificate", "chain", "serial_number", "names")} == {
        name: issued[name] for name in ("certificate", "chain", "serial_number", "names")
    }


def test_an_unknown_certificate_is_404(site: Site) -> None:
    answered = site.get(f"{BASE}/certificates/crt_nonesuch")
    assert (answered.status, answered.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "status", "field", "rule"),
    [
        ({"profile": "nonesuch", "dns_names": ["a"]}, 422, "profile", "profile-unknown"),
        ({"profile": "server"}, 422, "dns_names", "names-missing"),
        ({"profile": "server", "dns_names": []}, 422, "dns_names", "names-missing"),
        ({"profile": "server", "csr": pem_csr(make_csr())}, 422, "csr", "names-missing"),
        ({"profile": "server", "dns_names": ["a"], "ttl": "201d"}, 422, "ttl", "profile-max-ttl"),
        ({"profile": "server", "dns_names": ["a"], "ttl": 0}, 422, "ttl", "duration-positive"),
        ({"profile": "server", "dns_names": ["a"], "ttl": "-1h"}, 422, "ttl", "duration-positive"),
        ({"profile": "server", "dns_names": ["a"], "ttl": "soon"}, 400, "ttl", "duration"),
        (
            {"profile": "server", "dns_names": ["a"], "authority": "root"},
            422,
            "authority",
            "profile-authority",
        ),
        ({"profile": "server", "emails": ["a@b.example"]}, 422, "emails[0]", "profile-name-kind"),
        ({"profile": "server", "common_name": "The Boss"}, 422, "common_name", "profile-common-name"),
        ({"profile": "server", "csr": "x"}, 400, "csr", "csr-pem"),
        (
            {"profile": "server", "csr": pem_csr(make_csr("a")), "dns_names": ["a"]},
            422,
            "dns_names",
            "csr-exclusive",
        ),
        ({"profile": "server", "dns_names": "a"}, 400, "dns_names", "type"),
        ({"profile": "server", "dns_names": ["a"], "is_ca": True}, 400, "is_ca", "unknown_field"),
        ({"dns_names": ["a"]}, 400, "profile", "required"),
        ({"profile": 7, "dns_names": ["a"]}, 400, "profile", "type"),
        (
            {"profile": "server", "dns_names": ["a"], "key_algorithm": "DSA"},
            422,
            "key_algorithm",
            "key-algorithm",
        ),
    ],
)
def test_a_bad_request_is_the_right_problem(
    site: Site, body: Any, status: int, field: str, rule: str
) -> None:
    answered = site.post(f"{BASE}/certificates", body)
    problem = answered.json()
    assert (answered.status, problem.get("field"), problem.get("rule")) == (status, field, rule)
    assert site.get(f"{BASE}/certificates?profile=server").json()["items"] == []


def test_revoking_answers_the_certificate_and_again_the_same(site: Site) -> None:
    issued = site.issue(dns_names=["a.example"])
    path = f"{BASE}/certificates/{issued['id']}/revoke"
    first = site.post(path, {"reason": "keyCompromise"})
    again = site.post(path, {"reason": "superseded"})
    assert (first.status, again.status) == (200, 200)
    assert first.json() == again.json()
    assert (first.json()["status"], first.json()["revocation_reason"]) == ("revoked", "keyCompromise")


@pytest.mark.parametrize("reason", ["certificateHold", "removeFromCRL", "keycompromise", "", "1"])
def test_a_bad_reason_is_refused(site: Site, reason: str) -> None:
    issued = site.issue(dns_names=["a.example"])
    answered = site.post(f"{BASE}/certificates/{issued['id']}/revoke", {"reason": reason})
    assert (answered.status, answered.json()["field"]) == (422, "reason")


def test_revoking_without_a_body_is_unspecified(site: Site) -> None:
    issued = site.issue(dns_names=["a.example"])
    answered = site.call("POST", f"{BASE}/certificates/{issued['id']}/revoke")
    assert answered.json()["revocation_reason"] == "unspecified"


def test_renewing_answers_201_and_a_new_certificate(site: Site) -> None:
    issued = site.issue(dns_names=["a.example"])
    answered = site.post(f"{BASE}/certificates/{issued['id']}/renew", {})
    assert answered.status == 201
    assert answered.json()["serial_number"] != issued["serial_number"]
    assert "private_key" in answered.json()


def test_lists_have_pages(site: Site) -> None:
    for name in ("a.example", "b.example", "c.example"):
        site.issue(dns_names=[name])
        site.ground.clock.advance(timedelta(seconds=1))
    query = "profile=server&limit=2&order_by=created_at"
    first = site.get(f"{BASE}/certificates?{query}").json()
    rest = site.get(f"{BASE}/certificates?{query}&cursor={first['next_cursor']}").json()
    names = [item["names"][0]["value"] for item in (*first["items"], *rest["items"])]
    assert (names, rest["next_cursor"]) == (["a.example", "b.example", "c.example"], None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=good", "status"),
        ("order_by=name", "order_by"),
        ("expires_before=tomorrow", "expires_before"),
        ("expires_before=2026-01-01T00:00:00", "expires_before"),
        ("limit=0", "limit"),
        ("cursor=abc", "cursor"),
        ("nmae=a", "nmae"),
        ("serial_number=zz", "serial_number"),
    ],
)
def test_a_filter_that_cannot_be_read_is_400(site: Site, query: str, field: str) -> None:
    answered = site.get(f"{BASE}/certificates?{query}")
    assert (answered.status, answered.json()["field"]) == (400, field)


def test_authorities_show_their_public_addresses(site: Site) -> None:
    root, issuing = site.get(f"{BASE}/authorities").json()["items"]
    assert (root["parent"], issuing["parent"]) == (None, "root")
    assert issuing["crl_url"] == f"http://pki.test:8080/pki/{issuing['id']}/crl"
    assert issuing["ocsp_url"] == f"http://pki.test:8080/pki/{issuing['id']}/ocsp"
    assert site.get(f"{BASE}/authorities/issuing").json() == issuing


def test_an_authority_is_made_used_and_disabled(site: Site) -> None:
    made = site.post(f"{BASE}/authorities", {"name": "second", "parent": "root", "key_algorithm": "EC_P384"})
    assert (made.status, made.headers["location"]) == (201, f"{BASE}/authorities/second")
    profile = {"name": "second", "authority": "second", "purposes": ["serverAuth"], "name_kinds": ["dns"]}
    assert site.post(f"{BASE}/profiles", profile).status == 201
    assert site.issue(profile="second", dns_names=["a.example"])["authority"] == "second"
    assert site.call("PATCH", f"{BASE}/authorities/second", {"status": "disabled"}).status == 200
    refused = site.post(f"{BASE}/certificates", {"profile": "second", "dns_names": ["a.example"]})
    assert refused.json()["rule"] == "authority-disabled"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "issuing", "parent": "root"}, 409, "name"),
        ({"name": "Bad Name", "parent": "root"}, 400, "name"),
        ({"name": "x", "parent": "issuing"}, 422, "parent"),
        ({"name": "x", "parent": "nonesuch"}, 422, "parent"),
        ({"name": "x", "parent": "root", "ttl": "4000d"}, 422, "ttl"),
        ({"name": "x", "parent": "root", "key_algorithm": "DSA"}, 422, "key_algorithm"),
        ({"name": "x", "parent": "root", "common_name": "a\u202eb"}, 422, "common_name"),
        ({"name": "x", "parent": "root", "external": True}, 400, "external"),
        ({"name": "x", "external": True, "ttl": "90d"}, 400, "ttl"),
        ({"name": "x", "path_length": 16}, 422, "path_length"),
        ({"name": "x", "permitted_dns_domains": ["a.test", "*.b.test"]}, 422, "permitted_dns_domains[1]"),
        ({"name": "x", "excluded_ip_ranges": ["10.0.0.1/8"]}, 422, "excluded_ip_ranges[0]"),
        ({"name": "x", "permitted_uri_domains": ["a.test"] * 101}, 422, "permitted_uri_domains"),
        ({"name": "x", "permitted_email_addresses": ["a.test"] * 2}, 422, "permitted_email_addresses[1]"),
        ({"name": "x", "extended_key_usages": ["anyExtendedKeyUsage"]}, 422, "extended_key_usages[0]"),
        ({"name": "x", "extended_key_usages": ["serverAuth"] * 21}, 422, "extended_key_usages"),
    ],
)
def test_a_bad_authority_is_refused(site: Site, body: Any, status: int, field: str) -> None:
    answered = site.post(f"{BASE}/authorities", body)
    assert (answered.status, answered.json()["field"]) == (status, field)


@pytest.mark.parametrize(
    ("verb", "body", "status", "field"),
    [
        ("import", {"certificate": "hello"}, 400, "certificate"),
        ("sign", {"csr": "hello"}, 400, "csr"),
        ("renew", {"key_algorithm": "EC_P384"}, 400, "key_algorithm"),
        ("renew", {"former": "old"}, 400, "former"),
        ("renew", {"ttl": "9000d"}, 422, "ttl"),
        ("cross-sign", {"issuer": "nonesuch"}, 422, "issuer"),
        ("rollover", {"successor": "Bad Name"}, 400, "successor"),
        ("rollover", {"key_algorithm": "DSA"}, 422, "key_algorithm"),
        ("switch", {"former": "Bad Name"}, 400, "former"),
    ],
)
def test_what_is_asked_of_an_authority_and_cannot_be_names_its_field(
    site: Site, verb: str, body: Any, status: int, field: str
) -> None:
    answered = site.post(f"{BASE}/authorities/issuing/{verb}", body)
    assert (answered.status, answered.json()["field"]) == (status, field)


def test_an_authority_is_handed_over_and_says_so(site: Site) -> None:
    prepared = site.post(f"{BASE}/authorities/issuing/rollover", {})
    assert (prepared.status, prepared.headers["location"]) == (201, f"{BASE}/authorities/issuing-next")
    switched = site.post(f"{BASE}/authorities/issuing/switch", {"former": "issuing-old"})
    assert (switched.status, switched.json()["id"]) == (200, prepared.json()["id"])
    assert (switched.json()["name"], switched.json()["predecessor"]) == ("issuing", "issuing-old")
    assert site.issue(profile="server", dns_names=["a.example"])["authority"] == "issuing"


def test_profiles_are_read_made_and_changed(site: Site) -> None:
    listed = [item["name"] for item in site.get(f"{BASE}/profiles").json()["items"]]
    assert listed == sorted(BUILT_IN_PROFILES)
    server = site.get(f"{BASE}/profiles/server").json()
    assert (server["default_ttl"], server["max_ttl"], server["purposes"]) == (
        47 * 86400,
        200 * 86400,
        ["serverAuth"],
    )
    changed = site.call("PATCH", f"{BASE}/profiles/server", {"max_ttl": "398d"}).json()
    assert (changed["max_ttl"], len(changed["notes"])) == (398 * 86400, 1)
    site.call("PATCH", f"{BASE}/profiles/server", {"status": "disabled"})
    refused = site.post(f"{BASE}/certificates", {"profile": "server", "dns_names": ["a.example"]})
    assert refused.json()["rule"] == "profile-disabled"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"authority": "root"}, "authority"),
        ({"authorities": ["nonesuch"]}, "authorities[0]"),
        ({"names_denied": ["dns:a.example", "a.example"]}, "names_denied[1]"),
        ({"further_purposes": ["2.5.29.37.0"]}, "further_purposes[0]"),
        ({"subject": {"country": "Germany"}}, "subject.country"),
        ({"max_ttl": "1d"}, "default_ttl"),
        ({"max_ttl": "9000d"}, "max_ttl"),
        ({"status": "on"}, "status"),
    ],
)
def test_a_profile_is_not_changed_into_nonsense(site: Site, changes: Any, field: str) -> None:
    answered = site.call("PATCH", f"{BASE}/profiles/server", changes)
    assert (answered.status, answered.json()["field"]) == (422, field)


def test_a_profile_with_every_rule_is_made_and_its_versions_are_read(site: Site) -> None:
    rules = {
        "purposes": ["serverAuth"],
        "further_purposes": ["1.3.6.1.4.1.99999.1"],
        "key_usages": ["digitalSignature"],
        "name_kinds": ["dns"],
        "names_allowed": ["dns:**.example.com"],
        "names_denied": ["dns:admin.example.com"],
        "names_required": ["dns:*.example.com"],
        "names_computed": ["uri:urn:keywright:identity:{identity.id}"],
        "common_name": "required",
        "subject": {"country": "DE", "organization": "Example"},
        "policies": ["1.3.6.1.4.1.99999.2"],
        "must_staple": "asked",
        "revocation_pointers": ["ocsp"],
        "names_issuer": False,
    }
    made = site.post(f"{BASE}/profiles", {"name": "own", **rules})
    assert made.status == 201
    assert {field: made.json()[field] for field in rules} == rules
    site.call("PATCH", f"{BASE}/profiles/own", {"names_denied": []})
    versions = site.get(f"{BASE}/profiles/own/versions?limit=1").json()
    first = site.get(f"{BASE}/profiles/own/versions/1").json()
    assert (versions["items"][0]["profile"]["names_denied"], versions["next_cursor"] is None) == ([], False)
    assert first["profile"]["names_denied"] == rules["names_denied"]
    issued = site.post(f"{BASE}/certificates", {"profile": "own", "common_name": "a.example.com"}).json()
    assert site.get(f"{BASE}/certificates/{issued['id']}").json()["profile_version"] == 2


def test_a_key_is_blocked_refused_and_unblocked(site: Site) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    made = site.post(f"{BASE}/blocked-keys", {"public_key": public, "comment": "lost"})
    blocked = made.json()
    assert (made.status, made.headers["location"]) == (201, f"{BASE}/blocked-keys/{blocked['id']}")
    assert (blocked["reach"], blocked["proof"], blocked["comment"]) == ("organization", "statement", "lost")
    csr = pem_csr(make_csr("a.example", key=key))
    refused = site.post(f"{BASE}/certificates", {"profile": "server", "csr": csr})
    assert (refused.status, refused.json()["field"], refused.json()["rule"]) == (422, "csr", "key-refused")
    assert site.get(f"{BASE}/blocked-keys").json()["items"] == [blocked]
    assert site.get(f"{BASE}/blocked-keys/{blocked['id']}").json() == blocked
    assert site.call("DELETE", f"{BASE}/blocked-keys/{blocked['id']}").status == 204
    assert site.post(f"{BASE}/certificates", {"profile": "server", "csr": csr}).status == 201


def test_a_published_private_key_blocks_everywhere_and_for_good(site: Site) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made = site.post(f"{BASE}/blocked-keys", {"private_key": private})
    assert (made.json()["reach"], made.json()["proof"]) == ("instance", "private-key")
    assert b"PRIVATE" not in made.body
    kept = site.call("DELETE", f"{BASE}/blocked-keys/{made.json()['id']}")
    assert (kept.status, kept.json()["rule"]) == (422, "key-proven-compromised")


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({}, "key_hash", "key-one-of"),
        ({"key_hash": "zz"}, "key_hash", "key-hash"),
        ({"key_hash": "00"}, "key_hash", "key-hash"),
        ({"public_key": "rubbish"}, "public_key", "public-key"),
        ({"private_key": "rubbish"}, "private_key", "private-key"),
    ],
)
def test_a_key_that_cannot_be_read_is_not_blocked(site: Site, body: Any, field: str, rule: str) -> None:
    refused = site.post(f"{BASE}/blocked-keys", body)
    assert (refused.status, refused.json()["field"], refused.json()["rule"]) == (400, field, rule)


@pytest.mark.parametrize("plain", [False, True])
def test_artefacts_are_for_everyone_on_both_listeners(site: Site, plain: bool) -> None:
    _, issuing = site.get(f"{BASE}/authorities").json()["items"]
    for path, media_type in (
        ("/pki/roots.pem", "application/x-pem-file"),
        (f"/pki/{issuing['id']}/ca.der", "application/pkix-cert"),
        (f"/pki/{issuing['id']}/ca.pem", "application/x-pem-file"),
        (f"/pki/{issuing['id']}/crl", "application/pkix-crl"),
    ):
        answered = site.call("GET", path, plain=plain)
        assert (answered.status, answered.headers["content-type"]) == (200, media_type)
        assert answered.headers["access-control-allow-origin"] == "*"
        assert {"etag", "last-modified", "cache-control"} <= answered.headers.keys()


def test_a_known_artefact_is_not_sent_again(site: Site) -> None:
    etag = site.get("/pki/roots.pem").headers["etag"]
    again = site.get("/pki/roots.pem", if_none_match=f'"other", W/{etag}')
    assert (again.status, again.body) == (304, b"")


def test_a_head_request_is_answered(site: Site) -> None:
    assert site.call("HEAD", "/pki/roots.pem").status == 200


def test_an_unknown_artefact_is_404(site: Site) -> None:
    assert [site.get(f"/pki/ca_nonesuch/{name}").status for name in ("ca.der", "ca.pem", "crl")] == [404] * 3


def test_the_crl_tells_a_revocation_at_once(site: Site) -> None:
    issued = site.issue(dns_names=["a.example"])
    site.post(f"{BASE}/certificates/{issued['id']}/revoke", {"reason": "superseded"})
    crl = x509.load_der_x509_crl(site.get(f"/pki/{issued['authority_id']}/crl").body)
    assert crl.get_revoked_certificate_by_serial_number(int(issued["serial_number"], 16)) is not None


def test_the_root_of_a_project_is_no_trust_anchor_of_the_instance(site: Site) -> None:
    before = site.get("/pki/roots.pem").body
    site.ground.clock.advance(timedelta(seconds=1))
    made = site.post("/v1/projects/two/x509/authorities", {"name": "root"})
    assert (made.status, made.json()["parent"]) == (201, None)
    assert site.get("/pki/roots.pem").body == before
