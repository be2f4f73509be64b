"""curl revokes and renews, OpenSSL reads the CRL at the URL inside the certificate: on both databases."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.curl import Curl
from tests.support.curl_certificates import (
    CERTIFICATES,
    fetch_crl,
    file_of,
    instant,
    issue,
    issue_from_csr,
    public_key,
    text_of,
    verify,
)
from tests.support.openssl import make_csr, openssl
from tests.support.server import Server


@pytest.fixture
def curl(either_server: Server, tmp_path: Path) -> Curl:
    return Curl(either_server, tmp_path)


def test_given_a_certificate_then_its_urls_are_those_of_the_plain_listener(curl: Curl) -> None:
    issued = issue(curl, common_name="urls.example.com")
    base = f"{curl.server.plain_url}/pki/{issued['authority_id']}"

    printed = text_of(curl, issued)
    assert f"URI:{base}/crl\n" in printed
    assert f"CA Issuers - URI:{base}/ca.der\n" in printed


def test_given_the_issuers_url_then_it_answers_the_issuer(curl: Curl) -> None:
    issued = issue(curl, common_name="issuer.example.com")
    base = f"{curl.server.plain_url}/pki/{issued['authority_id']}"

    der = file_of(curl, "issuer.der", curl.run(f"{base}/ca.der").body)
    assert openssl("x509", "-inform", "DER", "-in", der) == issued["chain"][0]
    assert curl.run(f"{base}/ca.pem").body.decode() == issued["chain"][0]


def test_given_the_crl_by_its_url_then_openssl_verifies_it(curl: Curl) -> None:
    issued = issue(curl, common_name="crl.example.com")

    crl = fetch_crl(curl, issued)

    issuer = file_of(curl, "issuer.pem", issued["chain"][0])
    assert "verify OK" in openssl("crl", "-in", crl, "-CAfile", issuer, "-noout")
    assert "leaf.pem: OK" in verify(curl, issued, "-crl_check", "-CRLfile", crl)


def test_given_a_revocation_then_openssl_refuses_the_certificate_at_once(curl: Curl) -> None:
    issued = issue(curl, common_name="revoked.example.com")

    revoked = curl.post(f"{CERTIFICATES}/{issued['id']}/revoke", {"reason": "keyCompromise"})

    assert (revoked.status, revoked.json()["status"]) == (200, "revoked")
    deadline = time.monotonic() + 10
    judged = verify(curl, issued, "-crl_check", "-CRLfile", fetch_crl(curl, issued))
    while "OK" in judged and time.monotonic() < deadline:
        judged = verify(curl, issued, "-crl_check", "-CRLfile", fetch_crl(curl, issued))
    assert "certificate revoked" in judged
    listed = openssl("crl", "-in", curl.folder / "crl.pem", "-noout", "-text").partition(
        f"Serial Number: {issued['serial_number'].upper()}"
    )[2]
    assert "Key Compromise" in listed.partition("Serial Number:")[0]


def test_given_a_second_revocation_then_200_and_nothing_changed(curl: Curl) -> None:
    path = f"{CERTIFICATES}/{issue(curl, common_name='twice.example.com')['id']}"
    first = curl.post(f"{path}/revoke", {"reason": "keyCompromise"})

    second = curl.post(f"{path}/revoke", {"reason": "superseded"})

    assert (first.status, second.status) == (200, 200)
    assert second.json() == first.json() == curl.get(path).json()
    assert second.json()["revocation_reason"] == "keyCompromise"
    assert instant(second.json()["revoked_at"]) > instant(second.json()["created_at"])


@pytest.mark.parametrize(
    ("body", "recorded"),
    [
        ({"reason": "affiliationChanged"}, "affiliationChanged"),
        ({"reason": "cessationOfOperation"}, "cessationOfOperation"),
        ({"reason": "superseded"}, "superseded"),
        ({"reason": "privilegeWithdrawn"}, "privilegeWithdrawn"),
        ({"reason": "unspecified"}, "unspecified"),
        ({}, "unspecified"),
    ],
)
def test_given_a_reason_of_rfc_5280_then_it_is_kept(curl: Curl, body: dict[str, str], recorded: str) -> None:
    path = f"{CERTIFICATES}/{issue(curl, common_name='reason.example.com')['id']}"

    assert curl.post(f"{path}/revoke", body).json()["revocation_reason"] == recorded


def test_given_another_reason_then_422_and_the_certificate_stays_valid(curl: Curl) -> None:
    path = f"{CERTIFICATES}/{issue(curl, common_name='reason.example.com')['id']}"

    answer = curl.post(f"{path}/revoke", {"reason": "boredom"})

    assert (answer.status, answer.json()["field"]) == (422, "reason")
    assert curl.get(path).json()["status"] == "valid"


def renew(curl: Curl, issued: dict[str, Any], body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = curl.post(f"{CERTIFICATES}/{issued['id']}/renew", body)
    assert answer.status == 201, answer.body
    assert answer.headers["location"] == f"{CERTIFICATES}/{answer.json()['id']}"
    renewed: dict[str, Any] = answer.json()
    return renewed


def test_given_a_server_made_key_then_renewal_makes_another_and_returns_it(curl: Curl) -> None:
    first = issue(curl, common_name="renew.example.com", ip_addresses=["10.0.0.7"], ttl="30d")

    second = renew(curl, first)

    assert second["names"] == first["names"]
    assert second["serial_number"] != first["serial_number"]
    assert public_key(curl, second) != public_key(curl, first)
    key = file_of(curl, "key.pem", second["private_key"])
    assert openssl("pkey", "-in", key, "-pubout") == public_key(curl, second)
    assert "leaf.pem: OK" in verify(curl, second)


def test_given_a_csr_then_renewal_certifies_the_same_key(curl: Curl) -> None:
    first = issue_from_csr(curl, "renew.example.com")

    second = renew(curl, first)

    assert "private_key" not in second
    assert public_key(curl, second) == public_key(curl, first)
    assert second["names"] == first["names"]


@pytest.mark.parametrize("has_csr", [True, False])
def test_given_a_csr_with_the_renewal_then_its_key_is_certified(curl: Curl, has_csr: bool) -> None:
    name = "renew.example.com"
    first = issue_from_csr(curl, name) if has_csr else issue(curl, dns_names=[name])
    _, csr = make_csr(curl.folder, name)

    second = renew(curl, first, {"csr": csr.read_text()})

    assert "private_key" not in second
    assert public_key(curl, second) == openssl("req", "-in", csr, "-noout", "-pubkey")


def test_given_a_renewal_then_the_first_certificate_stays_as_it_is(curl: Curl) -> None:
    first = issue(curl, common_name="stays.example.com")
    before = curl.get(f"{CERTIFICATES}/{first['id']}").json()

    renew(curl, first)

    assert curl.get(f"{CERTIFICATES}/{first['id']}").json() == before


def test_given_a_revoked_certificate_then_it_is_not_renewed(curl: Curl) -> None:
    path = f"{CERTIFICATES}/{issue(curl, common_name='ended.example.com')['id']}"
    curl.post(f"{path}/revoke")

    assert curl.post(f"{path}/renew").status == 409


def test_given_other_names_in_the_csr_then_the_renewal_is_refused(curl: Curl) -> None:
    path = f"{CERTIFICATES}/{issue(curl, common_name='renew.example.com')['id']}"
    _, csr = make_csr(curl.folder, "other.example.com")

    answer = curl.post(f"{path}/renew", {"csr": csr.read_text()})

    assert (answer.status, answer.json()["field"]) == (422, "csr")
