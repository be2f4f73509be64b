"""OpenSSL, GnuTLS and curl ask the responder at the address inside the certificate: on both databases."""

import re
import time
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.curl import Curl
from tests.support.curl_certificates import CERTIFICATES, file_of, issue, text_of
from tests.support.gnutls import ocsptool
from tests.support.nss import nss
from tests.support.openssl import openssl
from tests.support.server import Server

_ASKED = ("--header", "Content-Type: application/ocsp-request")


class Client:
    """Whoever trusts the root and wants to know about one certificate."""

    def __init__(self, curl: Curl, name: str, **body: Any) -> None:
        self.curl = curl
        self.issued = issue(curl, common_name=name, **body)
        self.leaf = file_of(curl, "leaf.pem", self.issued["certificate"])
        self.issuer = file_of(curl, "issuer.pem", self.issued["chain"][0])
        self.anchors = file_of(curl, "roots.pem", curl.run("/pki/roots.pem").body)
        found = re.search(r"OCSP - URI:(http://\S+/ocsp)\n", text_of(curl, self.issued))
        assert found is not None
        self.url = found[1]

    def openssl(self, *options: str | Path, asked: tuple[str | Path, ...] = ()) -> str:
        """Return what `openssl ocsp` says when it asks by POST."""
        return openssl(
            *("ocsp", "-issuer", self.issuer, *(asked or ("-cert", self.leaf)), "-url", self.url),
            *("-CAfile", self.anchors, *options),
            check=False,
        )

    def openssl_by_get(self, *options: str) -> str:
        """Return what `openssl ocsp` makes of an answer that curl fetched by GET."""
        request = self.request(*options)
        answer = self.curl.run(f"{self.url}/{quote(b64encode(request.read_bytes()).decode(), safe='')}")
        assert answer.status == 200, answer.body
        return self.judged(file_of(self.curl, "answer.der", answer.body), request)

    def request(self, *options: str | Path) -> Path:
        """Return a request for the certificate, by openssl."""
        path = self.curl.folder / "request.der"
        openssl("ocsp", *options, "-issuer", self.issuer, "-cert", self.leaf, "-reqout", path)
        return path

    def judged(self, answer: Path, request: Path) -> str:
        """Return openssl's judgement of an answer in a file, with the nonce if the request has one."""
        return openssl(
            *("ocsp", "-issuer", self.issuer, "-cert", self.leaf, "-respin", answer, "-reqin", request),
            # Without this, openssl would put a second nonce into what it has read.
            *("-no_nonce", "-CAfile", self.anchors),
            check=False,
        )

    def gnutls(self) -> str:
        """Return what GnuTLS says, which asks by POST with a nonce and verifies the answer."""
        return ocsptool(
            *(f"--ask={self.url}", "--load-cert", self.leaf, "--load-issuer", self.issuer, "--nonce"),
            *("--load-signer", self.issuer),
            check=False,
        )

    def nss(self) -> str:
        """Return what NSS says, which asks at the address inside the certificate and verifies the answer."""
        place = self.curl.folder / "nss"
        if not place.exists():
            place.mkdir()
            nss("certutil", "-N", "-d", f"sql:{place}", "--empty-password")
            for name, trust, file in (("root", "C,,", self.anchors), ("issuer", ",,", self.issuer)):
                nss("certutil", "-A", "-n", name, "-t", trust, "-a", "-i", file, "-d", f"sql:{place}")
        fresh = ("-g", "leaf", "-m", "ocsp", "-s", "failIfNoInfo")
        return nss(
            *("vfychain", "-d", f"sql:{place}", "-pp", "-u", "1", *fresh, "-a", self.leaf, "-a", self.issuer),
            check=False,
        )

    def revoke(self, reason: str = "keyCompromise") -> None:
        answer = self.curl.post(f"{CERTIFICATES}/{self.issued['id']}/revoke", {"reason": reason})
        assert answer.status == 200, answer.body


@pytest.fixture
def curl(either_server: Server, tmp_path: Path) -> Curl:
    return Curl(either_server, tmp_path)


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
def test_given_a_good_certificate_then_openssl_hears_so_by_post(curl: Curl, digest: str) -> None:
    client = Client(curl, "good.example.com")
    # The hash is said before the certificate it is for.
    said = client.openssl(asked=(digest, "-cert", client.leaf))
    assert "Response verify OK" in said
    assert "leaf.pem: good" in said
    assert "no nonce" not in said.lower()


def test_given_a_good_certificate_then_openssl_hears_so_by_get(curl: Curl) -> None:
    said = Client(curl, "good.example.com").openssl_by_get("-no_nonce")
    assert "Response verify OK" in said
    assert "leaf.pem: good" in said


def test_given_a_get_then_a_nonce_comes_back_too(curl: Curl) -> None:
    said = Client(curl, "good.example.com").openssl_by_get("-nonce")
    assert "Response verify OK" in said
    assert "no nonce" not in said.lower()


def test_given_a_good_certificate_then_gnutls_hears_so(curl: Curl) -> None:
    said = Client(curl, "good.example.com").gnutls()
    assert "Verifying OCSP Response: Success." in said
    assert "Certificate Status: good" in said


def test_given_a_revocation_then_openssl_and_gnutls_hear_of_it_within_a_second(curl: Curl) -> None:
    client = Client(curl, "revoked.example.com")
    assert "leaf.pem: good" in client.openssl_by_get("-no_nonce")

    client.revoke()
    time_of_revocation = time.monotonic()
    said = client.openssl_by_get("-no_nonce")
    while "good" in said and time.monotonic() < time_of_revocation + 1:
        said = client.openssl_by_get("-no_nonce")

    assert "leaf.pem: revoked" in said
    assert "Reason: keyCompromise" in said
    assert "leaf.pem: revoked" in client.openssl()
    assert "Certificate Status: revoked" in client.gnutls()


def test_given_a_revocation_then_nss_accepts_before_and_refuses_after(curl: Curl) -> None:
    client = Client(curl, "nss.example.com")
    before = client.nss()
    client.revoke()
    assert "Chain is good!" in before, before
    after = client.nss()
    assert "revoked" in after.lower(), after


def test_given_a_number_that_nobody_issued_then_it_is_unknown(curl: Curl) -> None:
    said = Client(curl, "known.example.com").openssl(asked=("-serial", "0x4D2"))
    assert "Response verify OK" in said
    assert "0x4D2: unknown" in said


def test_given_several_certificates_then_one_request_tells_them_all(curl: Curl) -> None:
    client = Client(curl, "several.example.com")
    client.revoke("superseded")
    said = client.openssl(asked=("-cert", client.leaf, "-serial", "0x4D2"))
    assert "leaf.pem: revoked" in said
    assert "0x4D2: unknown" in said


def test_given_the_certificate_of_another_issuer_then_the_responder_is_not_authorized(curl: Curl) -> None:
    client = Client(curl, "elsewhere.example.com")
    client.issuer = client.anchors
    assert "unauthorized (6)" in client.openssl()


def test_given_an_expired_certificate_then_its_status_is_still_told(curl: Curl) -> None:
    client = Client(curl, "brief.example.com", ttl="1s")
    client.revoke()
    while "will not expire" in openssl("x509", "-in", client.leaf, "-noout", "-checkend", "0", check=False):
        pass
    assert "leaf.pem: revoked" in client.openssl()


@pytest.mark.parametrize("body", ["", "rubbish"])
def test_given_rubbish_then_openssl_reads_a_malformed_request_error(curl: Curl, body: str) -> None:
    client = Client(curl, "rubbish.example.com")
    answer = curl.run(client.url, *_ASKED, "--data-raw", body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/ocsp-response")
    file = file_of(curl, "answer.der", answer.body)
    assert "malformedrequest (1)" in openssl("ocsp", "-respin", file, check=False)


def test_given_more_than_10_kib_then_413(curl: Curl) -> None:
    client = Client(curl, "large.example.com")
    large = file_of(curl, "large.der", bytes(10 * 1024 + 1))
    assert curl.run(client.url, *_ASKED, "--data-binary", f"@{large}").status == 413


def test_given_the_tls_listener_then_it_answers_the_same(curl: Curl) -> None:
    client = Client(curl, "tls.example.com")
    request = client.request("-no_nonce")
    path = client.url.removeprefix(client.curl.server.plain_url)
    answer = curl.run(path, *_ASKED, "--data-binary", f"@{request}")
    assert "leaf.pem: good" in client.judged(file_of(curl, "answer.der", answer.body), request)
