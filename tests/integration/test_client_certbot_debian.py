"""Debian's certbot, years older than the newest, against a real server of two workers."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.certbot import DEBIAN_CERTBOT, Certbot
from tests.support.client_world import ClientWorld, names_of, read_leaf
from tests.support.openssl import make_csr

NAME = "old.example.test"


@pytest.fixture
def certbot(client_world: ClientWorld, folder: Path) -> Certbot:
    return Certbot(client_world, folder, DEBIAN_CERTBOT)


@pytest.fixture
def certbot_on_sqlite(sqlite_client_world: ClientWorld, folder: Path) -> Certbot:
    """For what is the same on every database."""
    return Certbot(sqlite_client_world, folder, DEBIAN_CERTBOT)


def test_debians_certbot_gets_a_certificate_by_http_01(certbot: Certbot) -> None:
    ran = certbot.certonly(NAME, "b.example.test")
    assert ran.status == 0, ran.output
    assert names_of(certbot.world.verified(certbot.live(NAME, "fullchain"))) == ["b.example.test", NAME]


def test_debians_certbot_gets_a_wildcard_and_its_base_by_dns_01(certbot: Certbot) -> None:
    ran = certbot.certonly(f"*.{NAME}", NAME, further=certbot.manual_dns)
    assert ran.status == 0, ran.output
    assert names_of(certbot.world.verified(certbot.live(NAME, "fullchain"))) == [f"*.{NAME}", NAME]


def test_debians_certbot_gets_a_certificate_for_the_name_and_the_address_of_a_csr(certbot: Certbot) -> None:
    # It has no option for an address: a CSR is the one way to have it order one.
    _, csr = make_csr(certbot.folder, NAME, addresses=("127.0.0.1",))
    chain = certbot.folder / "chain.pem"
    ran = certbot.certonly(further=("--csr", str(csr), "--fullchain-path", str(chain)))
    assert ran.status == 0, ran.output
    assert names_of(certbot.world.verified(chain)) == ["127.0.0.1", NAME]


def test_debians_certbot_gets_a_certificate_for_an_rsa_key(certbot_on_sqlite: Certbot) -> None:
    certbot = certbot_on_sqlite
    ran = certbot.certonly(NAME, further=("--key-type", "rsa", "--rsa-key-size", "3072"))
    assert ran.status == 0, ran.output
    key = certbot.world.verified(certbot.live(NAME, "fullchain")).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 3072


def test_debians_certbot_gets_a_certificate_for_an_ec_key(certbot_on_sqlite: Certbot) -> None:
    certbot = certbot_on_sqlite
    ran = certbot.certonly(NAME, further=("--key-type", "ecdsa", "--elliptic-curve", "secp384r1"))
    assert ran.status == 0, ran.output
    key = certbot.world.verified(certbot.live(NAME, "fullchain")).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp384r1"


def test_debians_certbot_renews(certbot: Certbot) -> None:
    assert certbot.certonly(NAME).status == 0
    first = read_leaf(certbot.live(NAME, "cert"))
    ran = certbot.run("renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert ran.status == 0, ran.output
    second = certbot.world.verified(certbot.live(NAME, "fullchain"))
    assert second.serial_number != first.serial_number


@pytest.mark.parametrize("with_key", ["account", "certificate"])
def test_debians_certbot_revokes_with_the_key_of(certbot: Certbot, with_key: str) -> None:
    assert certbot.certonly(NAME).status == 0
    leaf = certbot.live(NAME, "cert")
    further = ("--key-path", str(certbot.live(NAME, "privkey"))) if with_key == "certificate" else ()
    ran = certbot.run("revoke", "--cert-path", str(leaf), *further, "--no-delete-after-revoke")
    assert ran.status == 0, ran.output
    assert certbot.world.status_of(read_leaf(leaf)) == "revoked"


def test_debians_certbot_gives_its_account_up(certbot: Certbot) -> None:
    registered = certbot.run("register", "--agree-tos", "--register-unsafely-without-email")
    assert registered.status == 0, registered.output
    ran = certbot.run("unregister")
    assert ran.status == 0, ran.output
