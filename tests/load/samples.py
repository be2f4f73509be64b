"""The requests a bench sends, each fixed so that the generator costs nothing."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from tests.support.ocsp import GOOD, in_path, request_for, told
from tests.support.openssl import make_csr
from tests.support.server import Server

_ISSUE, _READ, _SIGN = "issue from CSR (P-256)", "read certificate by id", "SSH sign (Ed25519)"
_KEPT, _SIGNED = "OCSP, kept answer", "OCSP, signed for a nonce (P-256)"
NAMES = (_ISSUE, _READ, _KEPT, _SIGNED, _SIGN)


class Sample(NamedTuple):
    """One fixed request; with `spread` its path's `{n}` counts up to that number, over and over."""

    name: str
    method: str
    path: str
    body: str | None
    spread: int = 0


def make_samples(server: Server, folder: Path) -> Iterator[Sample]:
    """Yield each request to load the server with, once what it needs exists there."""
    certificates = "/v1/projects/default/x509/certificates"
    _, csr = make_csr(folder, "bench.example.com")
    body = json.dumps({"profile": "server", "csr": csr.read_text()})
    made = server.post(certificates, json.loads(body)).json()
    yield Sample(_ISSUE, "POST", certificates, body)
    yield Sample(_READ, "GET", f"{certificates}/{made['id']}", None)
    for name, nonce in ((_KEPT, None), (_SIGNED, bytes(range(32)))):
        issuer = x509.load_pem_x509_certificate(made["chain"][0].encode())
        request = request_for(issuer, int(made["serial_number"], 16), nonce=nonce)
        path = f"/pki/{made['authority_id']}/ocsp/{in_path(request)}"
        assert told(server.get(path).body) == [(int(made["serial_number"], 16), GOOD)]
        yield Sample(name, "GET", path, None)
    key = folder / "bench_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public_key = key.with_suffix(".pub").read_text().strip()
    sign = {"profile": "user", "public_key": public_key, "principals": ["ops"], "ttl": "1h"}
    yield Sample(_SIGN, "POST", "/v1/projects/default/ssh/certificates", json.dumps(sign))
