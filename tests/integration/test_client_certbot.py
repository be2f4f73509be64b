"""The newest certbot against a real server of two workers, and what it says when something is wrong."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec.structs import replace

from tests.support.certbot import Certbot
from tests.support.client_world import ClientWorld, names_of, read_leaf
from tests.support.openssl import make_csr

NAME = "certbot.example.test"


@pytest.fixture
def certbot(client_world: ClientWorld, folder: Path) -> Certbot:
    return Certbot(client_world, folder)


@pytest.fixture
def certbot_on_sqlite(sqlite_client_world: ClientWorld, folder: Path) -> Certbot:
    """For what is the same on every database."""
    return Certbot(sqlite_client_world, folder)


def test_certbot_gets_a_certificate_by_http_01(certbot: Certbot) -> None:
    ran = certbot.certonly(NAME, "b.example.test")
    assert ran.status == 0, ran.output
    assert names_of(certbot.world.verified(certbot.live(NAME, "fullchain"))) == ["b.example.test", NAME]


def test_certbot_gets_a_certificate_for_a_name_under_localhost(certbot_on_sqlite: Certbot) -> None:
    ran = certbot_on_sqlite.certonly("a.localhost")
    assert ran.status == 0, ran.output


def test_certbot_gets_a_wildcard_and_its_base_by_dns_01(certbot: Certbot) -> None:
    ran = certbot.certonly(f"*.{NAME}", NAME, further=certbot.manual_dns)
    assert ran.status == 0, ran.output
    assert names_of(certbot.world.verified(certbot.live(NAME, "fullchain"))) == [f"*.{NAME}", NAME]


def test_certbot_gets_a_certificate_for_an_address_by_http_01(certbot: Certbot) -> None:
    ran = certbot.certonly(further=("--ip-address", "127.0.0.1"))
    assert ran.status == 0, ran.output
    assert names_of(certbot.world.verified(certbot.live("127.0.0.1", "fullchain"))) == ["127.0.0.1"]


def test_certbot_gets_a_certificate_for_a_csr_of_ones_own(certbot: Certbot) -> None:
    _, csr = make_csr(certbot.folder, NAME)
    chain = certbot.folder / "chain.pem"
    ran = certbot.certonly(further=("--csr", str(csr), "--fullchain-path", str(chain)))
    assert ran.status == 0, ran.output
    assert names_of(certbot.world.verified(chain)) == [NAME]


@pytest.mark.parametrize("size", [2048, 4096])
def test_certbot_gets_a_certificate_for_an_rsa_key(certbot_on_sqlite: Certbot, size: int) -> None:
    certbot = certbot_on_sqlite
    ran = certbot.certonly(NAME, further=("--key-type", "rsa", "--rsa-key-size", str(size)))
    assert ran.status == 0, ran.output
    key = certbot.world.verified(certbot.live(NAME, "fullchain")).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == size


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1"])
def test_certbot_gets_a_certificate_for_an_ec_key(certbot_on_sqlite: Certbot, curve: str) -> None:
    certbot = certbot_on_sqlite
    ran = certbot.certonly(NAME, further=("--key-type", "ecdsa", "--elliptic-curve", curve))
    assert ran.status == 0, ran.output
    key = certbot.world.verified(certbot.live(NAME, "fullchain")).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == curve


def _cross_signed_directory(world: ClientWorld) -> ClientWorld:
    """Return the same with a directory whose authority two roots have signed."""
    x509_place, name = "/v1/projects/default/x509", "crossed"
    makes = [
        (f"{x509_place}/authorities", {"name": "elder", "common_name": "Elder Root"}),
        (f"{x509_place}/authorities", {"name": name, "parent": "root"}),
        (f"{x509_place}/authorities/{name}/cross-sign", {"issuer": "elder"}),
        (
            f"{x509_place}/profiles",
            {"name": name, "authority": name, "purposes": ["serverAuth"], "name_kinds": ["dns"]},
        ),
        (
            "/v1/projects/default/acme/directories",
            {"name": name, "profile": name, "eab": "off", "open": True},
        ),
    ]
    for path, body in makes:
        made = world.server.post(path, body)
        assert made.status == 201, made.body
    return replace(world, directory=name)


def test_certbot_takes_the_chain_that_it_prefers(sqlite_client_world: ClientWorld, folder: Path) -> None:
    certbot = Certbot(_cross_signed_directory(sqlite_client_world), folder)
    ran = certbot.certonly(NAME, further=("--preferred-chain", "Elder Root"))
    assert ran.status == 0, ran.output
    _, issuer = x509.load_pem_x509_certificates(certbot.live(NAME, "fullchain").read_bytes())
    assert issuer.issuer.rfc4514_string() == "CN=Elder Root,O=Keywright"


def test_certbot_renews(certbot: Certbot) -> None:
    assert certbot.certonly(NAME).status == 0
    first = read_leaf(certbot.live(NAME, "cert"))
    ran = certbot.run("renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert ran.status == 0, ran.output
    second = certbot.world.verified(certbot.live(NAME, "fullchain"))
    assert second.serial_number != first.serial_number


def test_certbot_revokes_with_its_account(certbot: Certbot) -> None:
    assert certbot.certonly(NAME).status == 0
    leaf = certbot.live(NAME, "cert")
    ran = certbot.run(
        "revoke", "--cert-path", str(leaf), "--reason", "superseded", "--no-delete-after-revoke"
    )
    assert ran.status == 0, ran.output
    assert certbot.world.status_of(read_leaf(leaf)) == "revoked"


def test_certbot_revokes_with_the_key_of_the_certificate(certbot: Certbot) -> None:
    assert certbot.certonly(NAME).status == 0
    leaf = certbot.live(NAME, "cert")
    key = certbot.live(NAME, "privkey")
    ran = certbot.run("revoke", "--cert-path", str(leaf), "--key-path", str(key), "--no-delete-after-revoke")
    assert ran.status == 0, ran.output
    assert certbot.world.status_of(read_leaf(leaf)) == "revoked"


def test_certbot_works_under_an_alias(certbot_on_sqlite: Certbot) -> None:
    ran = certbot_on_sqlite.certonly(NAME, directory_url=f"{certbot_on_sqlite.world.server.url}/dir")
    assert ran.status == 0, ran.output


def test_a_dry_run_gives_its_authorizations_up(certbot: Certbot) -> None:
    ran = certbot.certonly(NAME, further=("--dry-run",))
    assert ran.status == 0, ran.output


def test_certbot_changes_the_contacts_of_its_account(certbot: Certbot) -> None:
    registered = certbot.run("register", "--agree-tos", "--register-unsafely-without-email")
    assert registered.status == 0, registered.output
    updated = certbot.run("update_account", "--email", "admin@example.com", "--no-eff-email")
    assert updated.status == 0, updated.output


def test_certbot_gives_its_account_up(certbot: Certbot) -> None:
    registered = certbot.run("register", "--agree-tos", "--register-unsafely-without-email")
    assert registered.status == 0, registered.output
    ran = certbot.run("unregister")
    assert ran.status == 0, ran.output


def test_certbot_says_why_a_name_is_refused(certbot_on_sqlite: Certbot) -> None:
    ran = certbot_on_sqlite.certonly("ab--cd.example.test")
    assert ran.status == 1
    assert "hyphens" in ran.output


def test_certbot_says_that_nobody_answers_the_challenge(certbot_on_sqlite: Certbot) -> None:
    certbot = certbot_on_sqlite
    nobody = certbot.folder / "nobody"
    nobody.mkdir()
    ran = certbot.certonly(NAME, further=("--webroot", "--webroot-path", str(nobody)))
    assert ran.status == 1
    assert f"No connection to {NAME}" in ran.output


def test_who_deletes_the_policy_closes_the_directory(certbot: Certbot) -> None:
    server = certbot.world.server
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


def test_certbot_opens_an_account_with_an_external_key(client_world: ClientWorld, folder: Path) -> None:
    ran = Certbot(client_world.with_bound_accounts(), folder).certonly(NAME)
    assert ran.status == 0, ran.output
