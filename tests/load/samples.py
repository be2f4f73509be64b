"""The requests a bench sends, each fixed so that the generator costs nothing."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.openssl import make_csr
from tests.support.server import Server


class Sample(NamedTuple):
    """One fixed request."""

    name: str
    method: str
    path: str
    body: str | None


def make_samples(server: Server, folder: Path) -> Iterator[Sample]:
    """Yield each request to load the server with, once what it needs exists there."""
    certificates = "/v1/projects/default/x509/certificates"
    _, csr = make_csr(folder, "bench.example.com")
    body = json.dumps({"profile": "server", "csr": csr.read_text()})
    made = server.post(certificates, json.loads(body)).json()
    yield Sample("issue from CSR (P-256)", "POST", certificates, body)
    yield Sample("read certificate by id", "GET", f"{certificates}/{made['id']}", None)
    key = folder / "bench_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public_key = key.with_suffix(".pub").read_text().strip()
    sign = {"profile": "user", "public_key": public_key, "principals": ["ops"], "ttl": "1h"}
    yield Sample("SSH sign (Ed25519)", "POST", "/v1/projects/default/ssh/certificates", json.dumps(sign))
    # Not new-nonce: one network gets a thousand a second of those and 429 for the rest (S8), and wrk waits
    # for the body that an answer to HEAD announces and does not have.
    yield Sample("ACME directory", "GET", "/acme/default/directory", None)
