"""Debian's acme-tiny against a real server of two workers. It knows http-01 alone, and does not revoke."""

from pathlib import Path

import pytest

from tests.support.client_world import ClientWorld, names_of, read_leaf, serving_files
from tests.support.openssl import make_csr, openssl
from tests.support.uacme import Uacme

NAME = "tiny.example.test"


@pytest.fixture
def account_key(folder: Path) -> Path:
    """acme-tiny takes RSA keys only."""
    key = folder / "account.key"
    openssl("genrsa", "-out", key, "2048")
    return key


def sign(world: ClientWorld, folder: Path, account_key: Path, csr: Path) -> Path:
    """Run acme-tiny and return the file of the chain that it printed."""
    with serving_files(folder / "www", world.http_port) as challenges:
        line = ["acme-tiny", "--account-key", str(account_key), "--csr", str(csr), "--quiet"]
        line += ["--acme-dir", str(challenges), "--directory-url", world.directory_url]
        # It would ask for the challenge by a name that only the server's resolver knows.
        ran = world.run([*line, "--disable-check"], folder, {"SSL_CERT_FILE": str(world.server.ca_file)})
    assert ran.status == 0, ran.output
    chain = folder / "chain.pem"
    chain.write_text(ran.output)
    return chain


def test_acme_tiny_gets_a_certificate_by_http_01(
    client_world: ClientWorld, folder: Path, account_key: Path
) -> None:
    _, csr = make_csr(folder, NAME, "b.example.test")
    chain = sign(client_world, folder, account_key, csr)
    assert names_of(client_world.verified(chain)) == ["b.example.test", NAME]


def test_acme_tiny_renews_by_asking_again(client_world: ClientWorld, folder: Path, account_key: Path) -> None:
    _, csr = make_csr(folder, NAME)
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    first = client_world.verified(sign(client_world, folder / "a", account_key, csr))
    second = client_world.verified(sign(client_world, folder / "b", account_key, csr))
    assert first.serial_number != second.serial_number
    assert first.public_key() == second.public_key()


def test_a_certificate_of_acme_tiny_is_revoked_with_its_key_by_another_client(
    client_world: ClientWorld, folder: Path, account_key: Path
) -> None:
    key, csr = make_csr(folder, NAME)
    chain = sign(client_world, folder, account_key, csr)
    leaf = read_leaf(chain)
    ran = Uacme(client_world, folder).run("revoke", str(chain), str(key))
    assert ran.status == 0, ran.output
    assert client_world.status_of(leaf) == "revoked"
