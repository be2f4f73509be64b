"""The newest certbot against a real server: issue, renew, revoke, and what it says when it goes wrong."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.support.certbot import Certbot
from tests.support.server import Server, running_server

NAME = "a.localhost"


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, database_url: str | None, http_port: int
) -> Iterator[Server]:
    """A server that validates on loopback."""
    env = {
        "KEYWRIGHT__ACME__VALIDATION__HTTP_PORT": str(http_port),
        "KEYWRIGHT__ACME__VALIDATION__ALLOWED_NETWORKS": json.dumps(["127.0.0.0/8", "::1/128"]),
        "KEYWRIGHT__ACME__DIRECTORY_ALIASES": json.dumps({"/dir": "default"}),
    }
    with running_server(tmp_path_factory.mktemp("certbot-server"), database_url, env) as running:
        yield running


@pytest.fixture
def certbot(server: Server, http_port: int, tmp_path: Path) -> Certbot:
    return Certbot(tmp_path, f"{server.url}/acme/default/directory", server.ca_file, http_port)


def read_leaf(certbot: Certbot, name: str = NAME) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certbot.live(name, "cert").read_bytes())


def dns_names(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(names.get_values_for_type(x509.DNSName))


def test_certbot_gets_a_certificate_that_openssl_accepts(certbot: Certbot, server: Server) -> None:
    ran = certbot.certonly(NAME, "b.localhost")
    assert ran.status == 0, ran.output
    assert dns_names(read_leaf(certbot)) == [NAME, "b.localhost"]
    verified = subprocess.run(
        [
            *("openssl", "verify", "-CAfile", str(server.ca_file)),
            *("-untrusted", str(certbot.live(NAME, "chain")), "-purpose", "sslserver"),
            str(certbot.live(NAME, "cert")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert status_of(server, serial_text(read_leaf(certbot))) == "valid"


def test_certbot_renews(certbot: Certbot) -> None:
    assert certbot.certonly(NAME).status == 0
    first = read_leaf(certbot).serial_number
    ran = certbot.run("renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert ran.status == 0, ran.output
    assert read_leaf(certbot).serial_number != first


def test_certbot_revokes_with_its_account(certbot: Certbot, server: Server) -> None:
    assert certbot.certonly(NAME).status == 0
    serial_number = serial_text(read_leaf(certbot))
    path = str(certbot.live(NAME, "cert"))
    ran = certbot.run("revoke", "--cert-path", path, "--reason", "superseded", "--no-delete-after-revoke")
    assert ran.status == 0, ran.output
    assert status_of(server, serial_number) == "revoked"


def test_certbot_revokes_with_the_key_of_the_certificate(certbot: Certbot, server: Server) -> None:
    assert certbot.certonly(NAME).status == 0
    serial_number = serial_text(read_leaf(certbot))
    ran = certbot.run(
        *("revoke", "--cert-path", str(certbot.live(NAME, "cert"))),
        *("--key-path", str(certbot.live(NAME, "privkey")), "--no-delete-after-revoke"),
    )
    assert ran.status == 0, ran.output
    assert status_of(server, serial_number) == "revoked"


def test_certbot_works_under_an_alias(server: Server, http_port: int, tmp_path: Path) -> None:
    certbot = Certbot(tmp_path, f"{server.url}/dir", server.ca_file, http_port)
    ran = certbot.certonly(NAME)
    assert ran.status == 0, ran.output


def test_a_dry_run_gives_its_authorizations_up(certbot: Certbot) -> None:
    ran = certbot.run(
        *("certonly", "--dry-run", "--standalone", "--http-01-port", str(certbot.http_port), "-d", NAME),
        *("--agree-tos", "--register-unsafely-without-email"),
    )
    assert ran.status == 0, ran.output


def test_certbot_changes_and_gives_up_its_account(certbot: Certbot) -> None:
    assert certbot.certonly(NAME).status == 0
    updated = certbot.run("update_account", "--email", "admin@example.com", "--no-eff-email")
    assert updated.status == 0, updated.output
    ran = certbot.run("unregister")
    assert ran.status == 0, ran.output


def test_certbot_says_why_a_name_is_refused(certbot: Certbot) -> None:
    ran = certbot.certonly("ab--cd.localhost")
    assert ran.status == 1
    assert "hyphens" in ran.output


def test_certbot_says_what_was_answered_instead(server: Server, tmp_path: Path) -> None:
    certbot = Certbot(tmp_path, f"{server.url}/acme/default/directory", server.ca_file, free_port())
    ran = certbot.certonly(NAME)
    assert ran.status == 1
    assert "No connection to a.localhost" in ran.output


def test_who_deletes_the_policy_closes_the_directory(certbot: Certbot, server: Server) -> None:
    policies = server.get("/v1/projects/default/policies").json()["items"]
    [opening] = [policy for policy in policies if policy["name"] == "acme-default-open"]
    path = f"/v1/projects/default/policies/{opening['id']}"
    assert server.request("DELETE", path).status == 204
    try:
        ran = certbot.certonly(NAME)
    finally:
        body = {"name": opening["name"], "text": opening["text"]}
        assert server.post("/v1/projects/default/policies", body).status == 201
    assert ran.status == 1
    assert "unauthorized" in ran.output


def serial_text(certificate: x509.Certificate) -> str:
    """Return a serial number as the API writes it."""
    text = f"{certificate.serial_number:x}"
    return text if len(text) % 2 == 0 else f"0{text}"


def status_of(server: Server, serial_number: str) -> str:
    """Return what the inventory says of a certificate."""
    path = f"/v1/projects/default/x509/certificates?serial_number={serial_number}"
    [found] = server.get(path).json()["items"]
    status: str = found["status"]
    return status
