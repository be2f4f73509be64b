"""What tests with curl and openssl do again and again: ask for certificates, and have them judged."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.curl import Curl
from tests.support.openssl import make_csr, openssl

CERTIFICATES = "/v1/projects/default/x509/certificates"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def issue(curl: Curl, **body: Any) -> dict[str, Any]:
    """Have a certificate issued; by the profile `server` unless told otherwise."""
    answer = curl.post(CERTIFICATES, {"profile": "server", **body})
    assert answer.status == 201, answer.body
    issued: dict[str, Any] = answer.json()
    return issued


def issue_from_csr(curl: Curl, *names: str, subject: str = "/", **body: Any) -> dict[str, Any]:
    """Have a certificate issued for a fresh CSR of openssl's."""
    _, csr = make_csr(curl.folder, *names, subject=subject)
    return issue(curl, csr=csr.read_text(), **body)


def file_of(curl: Curl, name: str, content: str | bytes) -> Path:
    """Write a file that openssl reads."""
    path = curl.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text_of(curl: Curl, issued: dict[str, Any]) -> str:
    """Return a certificate as openssl prints it."""
    return openssl("x509", "-in", file_of(curl, "leaf.pem", issued["certificate"]), "-noout", "-text")


def verify(curl: Curl, issued: dict[str, Any], *options: str | Path) -> str:
    """Return openssl's judgement of a certificate with its chain, under the published roots."""
    return openssl(
        *("verify", "-x509_strict", "-CAfile", file_of(curl, "roots.pem", curl.run("/pki/roots.pem").body)),
        *("-untrusted", file_of(curl, "chain.pem", "".join(issued["chain"])), *options),
        file_of(curl, "leaf.pem", issued["certificate"]),
        check=False,
    )


def instant(text: str) -> datetime:
    """Return a time of an answer; it must be written as RFC 3339 says, in UTC."""
    assert _RFC_3339.fullmatch(text), text
    return datetime.fromisoformat(text)


def fetch_crl(curl: Curl, issued: dict[str, Any]) -> Path:
    """Fetch the CRL by the URL inside the certificate and return it as PEM."""
    url = re.search(r"URI:(http://\S+/crl)", text_of(curl, issued))
    assert url is not None
    der = file_of(curl, "crl.der", curl.run(url[1]).body)
    openssl("crl", "-inform", "DER", "-in", der, "-out", curl.folder / "crl.pem")
    return curl.folder / "crl.pem"


def public_key(curl: Curl, issued: dict[str, Any]) -> str:
    """Return the public key of a certificate."""
    return openssl("x509", "-in", file_of(curl, "leaf.pem", issued["certificate"]), "-noout", "-pubkey")
