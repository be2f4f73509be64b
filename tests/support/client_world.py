"""What a real ACME client meets: a server of two workers that validates on loopback, DNS, and free ports."""

import contextlib
import http.server
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cryptography import x509
from msgspec import Struct
from msgspec.structs import replace

from tests.support.acme_world import AcmeWorld
from tests.support.server import Server, running_server

#: The directory of `with_bound_accounts`.
BOUND = "bound"
#: Below the range from which the system hands ports out, so that none is lost between two uses.
_PORTS = range(12_000, 30_000, 2)
#: Variables that would let a program trust another root, or go another way to loopback.
_HIDDEN = (
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "LEGO_CA_CERTIFICATES"),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"),
)


class Ran(Struct, frozen=True):
    """What one run of a client left; `output` is both of its outputs."""

    status: int
    output: str


class ExternalKey(Struct, frozen=True):
    """What a client proves that its account belongs to somebody we know (RFC 8555 section 7.3.4)."""

    id: str
    hmac_key: str


class ClientWorld(Struct, frozen=True):
    """A server and all around it that a client needs; every name there is leads to 127.0.0.1."""

    server: Server
    surroundings: AcmeWorld
    http_port: int
    tls_port: int
    directory: str = "default"
    external_key: ExternalKey | None = None

    @property
    def directory_url(self) -> str:
        """Return the directory that clients are pointed at."""
        return f"{self.server.url}/acme/{self.directory}/directory"

    @property
    def dns_hook(self) -> str:
        """Return the program that adds and removes TXT records for a client in `environment`."""
        return self.surroundings.environment["DNS_HOOK"]

    def with_bound_accounts(self) -> "ClientWorld":
        """Return the same with a directory that wants accounts bound, and a key for one such account."""
        directories = "/v1/projects/default/acme/directories"
        if self.server.get(f"{directories}/{BOUND}").status == 404:
            body = {"name": BOUND, "profile": "server", "eab": "required", "open": True}
            made = self.server.post(directories, body)
            assert made.status == 201, made.body
        identity = self.server.post("/v1/organizations/default/identities", {"name": "who has a key"}).json()[
            "id"
        ]
        member = {"identity": identity, "role": "member"}
        assert self.server.post("/v1/projects/default/memberships", member).status == 201
        key = self.server.post(f"{directories}/{BOUND}/external-account-keys", {"identity": identity})
        assert key.status == 201, key.body
        external_key = ExternalKey(key.json()["id"], key.json()["hmac_key"])
        return replace(self, directory=BOUND, external_key=external_key)

    def environment(self, home: Path) -> dict[str, str]:
        """Return a client's environment: nothing of ours, a home of the test's, and what the hook needs."""
        return {**clean_environment(home), **self.surroundings.environment}

    def run(
        self,
        command: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        *,
        seconds: float = 60,
    ) -> Ran:
        """Run a client to its end in a folder."""
        done = subprocess.run(
            [*command],
            cwd=folder,
            env={**self.environment(folder), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    def verified(self, chain: Path) -> x509.Certificate:
        """Return the leaf of a chain that openssl verifies up to our root and the inventory calls valid."""
        done = subprocess.run(
            [
                *("openssl", "verify", "-CAfile", str(self.server.ca_file), "-purpose", "sslserver"),
                *("-untrusted", str(chain), str(chain)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        leaf = read_leaf(chain)
        assert self.status_of(leaf) == "valid"
        return leaf

    def status_of(self, certificate: x509.Certificate) -> str:
        """Return what the inventory says of a certificate."""
        path = f"/v1/projects/default/x509/certificates?serial_number={serial_text(certificate)}"
        [found] = self.server.get(path).json()["items"]
        status: str = found["status"]
        return status


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment without settings of ours, whose home is a folder of the test."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _HIDDEN and not name.startswith("KEYWRIGHT")
    }
    path = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    return {**kept, "HOME": str(home), "PATH": path, "no_proxy": "*"}


def read_leaf(file: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file."""
    return x509.load_pem_x509_certificates(file.read_bytes())[0]


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses of a certificate, sorted."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(str(name.value) for name in names)


def serial_text(certificate: x509.Certificate) -> str:
    """Return a serial number as the API writes it."""
    text = f"{certificate.serial_number:x}"
    return text if len(text) % 2 == 0 else f"0{text}"


def two_free_ports() -> tuple[int, int]:
    """Return two neighbouring ports that nobody listens on now."""
    count = len(_PORTS)
    for step in range(count):
        port = _PORTS[(os.getpid() * 37 + step) % count]
        if all(_is_free(number) for number in (port, port + 1)):
            return port, port + 1
    raise RuntimeError("no two ports are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextlib.contextmanager
def running_client_world(folder: Path, database_url: str | None) -> Iterator[ClientWorld]:
    """Start it all in an empty folder and stop it afterwards."""
    http_port, tls_port = two_free_ports()
    with AcmeWorld() as surroundings:
        env = {
            **surroundings.settings(http_port=http_port, tls_alpn_port=tls_port),
            "KEYWRIGHT__ACME__DIRECTORY_ALIASES": json.dumps({"/dir": "default"}),
        }
        with running_server(folder, database_url, env, ["--workers", "2"]) as server:
            yield ClientWorld(server, surroundings, http_port, tls_port)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving_files(folder: Path, port: int) -> Iterator[Path]:
    """Serve a folder over HTTP for clients that only write files; yield where challenges belong."""
    challenges = folder / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True, exist_ok=True)
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield challenges
        finally:
            server.shutdown()
            thread.join(20)
