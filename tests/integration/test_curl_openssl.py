"""curl asks for certificates, OpenSSL judges them: the X.509 part of the contract, on both databases."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.curl import Curl
from tests.support.curl_certificates import (
    CERTIFICATES,
    file_of,
    instant,
    issue,
    issue_from_csr,
    text_of,
    verify,
)
from tests.support.openssl import make_csr, openssl
from tests.support.server import Server

PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]+\n)+-----END CERTIFICATE-----\n")
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def curl(either_server: Server, tmp_path: Path) -> Curl:
    return Curl(either_server, tmp_path)


def lifetime(issued: dict[str, Any], asked_at: datetime) -> timedelta:
    """Return how long a certificate lives from the moment it was asked for."""
    return instant(issued["not_after"]) - asked_at


def test_given_names_then_the_answer_has_every_field_of_the_contract(curl: Curl) -> None:
    issued = issue(curl, common_name="api.example.com", dns_names=["*.api.example.com"])

    assert {name: type(value) for name, value in issued.items()} == {
        **dict.fromkeys(("id", "serial_number", "certificate", "private_key", "profile"), str),
        **dict.fromkeys(("authority", "authority_id", "status", "not_before", "not_after"), str),
        **dict.fromkeys(("common_name", "key_algorithm"), str),
        **dict.fromkeys(("chain", "alternates", "names"), list),
    }
    assert (issued["profile"], issued["authority"], issued["status"]) == ("server", "issuing", "valid")


def test_given_an_issuance_then_201_and_the_place_where_it_is_read(curl: Curl) -> None:
    answer = curl.post(CERTIFICATES, {"profile": "server", "common_name": "place.example.com"})

    location = answer.headers["location"]
    assert (answer.status, location) == (201, f"{CERTIFICATES}/{answer.json()['id']}")
    read = curl.get(location)
    assert read.status == 200
    assert read.json()["certificate"] == answer.json()["certificate"]
    assert "private_key" not in read.json()


def test_given_an_answer_then_nobody_between_may_keep_it(curl: Curl) -> None:
    answer = curl.post(CERTIFICATES, {"profile": "server", "common_name": "kept.example.com"})

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]


def test_given_a_certificate_then_its_serial_number_is_that_of_openssl(curl: Curl) -> None:
    issued = issue(curl, common_name="serial.example.com")

    printed = openssl("x509", "-in", file_of(curl, "leaf.pem", issued["certificate"]), "-noout", "-serial")
    assert re.fullmatch(r"([0-9a-f]{2}){8,20}", issued["serial_number"])
    assert printed.strip().removeprefix("serial=").lower() == issued["serial_number"]


def test_given_a_certificate_then_every_pem_is_one_block_and_ends_with_a_newline(curl: Curl) -> None:
    issued = issue(curl, common_name="pem.example.com")

    assert all(PEM.fullmatch(text) for text in (issued["certificate"], *issued["chain"]))
    assert issued["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")
    assert issued["private_key"].endswith("-----END PRIVATE KEY-----\n")


def test_given_a_chain_then_it_has_the_issuer_and_neither_leaf_nor_root(curl: Curl) -> None:
    issued = issue(curl, common_name="chain.example.com")

    [issuer] = issued["chain"]
    assert issuer != issued["certificate"]
    printed = openssl("x509", "-in", file_of(curl, "issuer.pem", issuer), "-noout", "-subject", "-issuer")
    subject, signed_by = (line.partition("=")[2] for line in printed.strip().splitlines())
    leaf = openssl("x509", "-in", file_of(curl, "leaf.pem", issued["certificate"]), "-noout", "-issuer")
    assert subject != signed_by
    assert leaf.strip().partition("=")[2] == subject


def test_given_a_server_made_key_then_it_is_that_of_the_certificate(curl: Curl) -> None:
    issued = issue(curl, common_name="key.example.com")

    key = openssl("pkey", "-in", file_of(curl, "key.pem", issued["private_key"]), "-pubout")
    certified = openssl("x509", "-in", file_of(curl, "leaf.pem", issued["certificate"]), "-noout", "-pubkey")
    assert key == certified


def test_given_a_csr_then_its_key_is_certified_and_none_is_answered(curl: Curl) -> None:
    issued = issue_from_csr(curl, "csr.example.com")

    requested = openssl("req", "-in", curl.folder / "request.csr", "-noout", "-pubkey")
    certified = openssl("x509", "-in", file_of(curl, "leaf.pem", issued["certificate"]), "-noout", "-pubkey")
    assert "private_key" not in issued
    assert requested == certified
    assert issued["names"] == [{"type": "dns", "value": "csr.example.com"}]


@pytest.mark.parametrize(
    ("algorithm", "printed"),
    [
        ("RSA_2048", "(2048 bit)"),
        ("EC_P256", "prime256v1"),
        ("EC_P384", "secp384r1"),
        ("EC_P521", "secp521r1"),
        ("ED25519", "ED25519 Public-Key"),
    ],
)
def test_given_a_key_algorithm_then_the_key_is_of_it(curl: Curl, algorithm: str, printed: str) -> None:
    issued = issue(curl, common_name="algorithm.example.com", key_algorithm=algorithm)

    assert issued["key_algorithm"] == algorithm
    assert printed in text_of(curl, issued)
    assert "leaf.pem: OK" in verify(curl, issued)


def test_given_no_key_algorithm_then_it_is_p_256(curl: Curl) -> None:
    assert "prime256v1" in text_of(curl, issue(curl, common_name="default.example.com"))


def test_given_names_of_all_kinds_then_they_are_certified_and_listed(curl: Curl) -> None:
    issued = issue(
        curl,
        profile="client",
        dns_names=["kinds.example.com", "*.kinds.example.com"],
        ip_addresses=["10.0.0.7", "2001:DB8:0::1"],
        emails=["ops@example.com"],
        uris=["spiffe://example.com/api"],
    )

    assert issued["names"] == [
        {"type": "dns", "value": "kinds.example.com"},
        {"type": "dns", "value": "*.kinds.example.com"},
        {"type": "ip", "value": "10.0.0.7"},
        {"type": "ip", "value": "2001:db8::1"},
        {"type": "email", "value": "ops@example.com"},
        {"type": "uri", "value": "spiffe://example.com/api"},
    ]
    assert (
        "DNS:kinds.example.com, DNS:*.kinds.example.com, IP Address:10.0.0.7, "
        "IP Address:2001:DB8:0:0:0:0:0:1, email:ops@example.com, URI:spiffe://example.com/api"
    ) in text_of(curl, issued)


@pytest.mark.parametrize(
    ("common_name", "name"),
    [
        ("cn.example.com", {"type": "dns", "value": "cn.example.com"}),
        ("CN.Example.COM", {"type": "dns", "value": "cn.example.com"}),
        ("10.0.0.9", {"type": "ip", "value": "10.0.0.9"}),
    ],
)
def test_given_a_common_name_that_is_a_name_then_it_is_among_the_names(
    curl: Curl, common_name: str, name: dict[str, str]
) -> None:
    assert issue(curl, common_name=common_name)["names"] == [name]


def test_given_the_common_name_of_a_csr_then_it_is_among_the_names(curl: Curl) -> None:
    issued = issue_from_csr(curl, "san.example.com", subject="/CN=cn.example.com")

    assert {name["value"] for name in issued["names"]} == {"san.example.com", "cn.example.com"}


def test_given_another_common_name_then_the_server_profile_refuses_it(curl: Curl) -> None:
    body = {"profile": "server", "common_name": "Alice Example", "dns_names": ["a.example.com"]}

    answer = curl.post(CERTIFICATES, body)

    assert (answer.status, answer.json()["field"]) == (422, "common_name")


def test_given_another_common_name_then_the_client_profile_takes_it(curl: Curl) -> None:
    issued = issue(curl, profile="client", common_name="Alice Example")

    assert (issued["common_name"], issued["names"]) == ("Alice Example", [])
    assert "Subject: CN = Alice Example" in text_of(curl, issued)


def test_given_no_common_name_then_none_is_invented(curl: Curl) -> None:
    issued = issue(curl, dns_names=["plain.example.com"])

    assert issued["common_name"] is None
    assert re.search(r"Subject: *\n", text_of(curl, issued))


@pytest.mark.parametrize(
    ("further", "field"),
    [
        ({"common_name": "x.example.com"}, "common_name"),
        ({"dns_names": ["x.example.com"]}, "dns_names"),
        ({"dns_names": []}, "dns_names"),
        ({"key_algorithm": "EC_P256"}, "key_algorithm"),
    ],
)
def test_given_names_beside_a_csr_then_422_names_the_field(
    curl: Curl, further: dict[str, Any], field: str
) -> None:
    _, csr = make_csr(curl.folder, "beside.example.com")

    answer = curl.post(CERTIFICATES, {"profile": "server", "csr": csr.read_text(), **further})

    assert (answer.status, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        ("90d", 90 * 86400),
        ("12h", 12 * 3600),
        ("30m", 1800),
        ("45s", 45),
        (3600, 3600),
        ("2160h", 2160 * 3600),
        ("200d", 200 * 86400),
        (None, 47 * 86400),
    ],
)
def test_given_a_ttl_then_the_certificate_lives_so_long_from_now(
    curl: Curl, ttl: str | int | None, seconds: int
) -> None:
    asked_at = datetime.now(UTC)

    issued = issue(curl, common_name="ttl.example.com", ttl=ttl)

    assert abs(lifetime(issued, asked_at) - timedelta(seconds=seconds)) < timedelta(seconds=20)
    assert timedelta() <= asked_at - instant(issued["not_before"]) <= FIVE_MINUTES + timedelta(seconds=1)


def test_given_a_ttl_beside_a_csr_then_it_counts(curl: Curl) -> None:
    asked_at = datetime.now(UTC)

    issued = issue_from_csr(curl, "ttl.example.com", ttl="1h")

    assert abs(lifetime(issued, asked_at) - timedelta(hours=1)) < timedelta(seconds=20)


@pytest.mark.parametrize(
    ("ttl", "status"), [("201d", 422), (200 * 86400 + 1, 422), (0, 422), ("1w", 400), (1.5, 400), ([], 400)]
)
def test_given_a_ttl_that_is_none_or_too_long_then_the_field_is_named(
    curl: Curl, ttl: object, status: int
) -> None:
    answer = curl.post(CERTIFICATES, {"profile": "server", "common_name": "ttl.example.com", "ttl": ttl})

    assert (answer.status, answer.json()["field"]) == (status, "ttl")


@pytest.mark.parametrize(
    ("profile", "good", "bad"), [("server", "sslserver", "sslclient"), ("client", "sslclient", "sslserver")]
)
def test_given_a_profile_then_openssl_takes_its_certificates_for_its_purpose_alone(
    curl: Curl, profile: str, good: str, bad: str
) -> None:
    issued = issue(curl, profile=profile, common_name="purpose.example.com")

    assert "leaf.pem: OK" in verify(curl, issued, "-purpose", good, "-verify_hostname", "purpose.example.com")
    assert "unsuitable certificate purpose" in verify(curl, issued, "-purpose", bad)


def test_given_names_then_openssl_verifies_them_and_no_others(curl: Curl) -> None:
    issued = issue(curl, dns_names=["*.wild.example.com"], ip_addresses=["10.0.0.7"])

    assert "leaf.pem: OK" in verify(curl, issued, "-verify_hostname", "a.wild.example.com")
    assert "leaf.pem: OK" in verify(curl, issued, "-verify_ip", "10.0.0.7")
    assert "hostname mismatch" in verify(curl, issued, "-verify_hostname", "a.b.wild.example.com")
    assert "IP address mismatch" in verify(curl, issued, "-verify_ip", "10.0.0.8")


def test_given_the_roots_without_the_chain_then_openssl_does_not_verify(curl: Curl) -> None:
    issued = issue(curl, common_name="unchained.example.com")

    judged = verify(curl, {**issued, "chain": [issued["certificate"]]})

    assert "unable to get local issuer certificate" in judged


def test_given_a_tls_client_then_the_service_itself_is_trusted_by_its_root(curl: Curl) -> None:
    port = curl.server.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost"),
            *("-CAfile", str(curl.server.ca_file), "-verify_return_error", "-verify_hostname", "localhost"),
        ],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Verify return code: 0 (ok)" in done.stdout
