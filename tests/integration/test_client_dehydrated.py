"""Debian's dehydrated against a real server of two workers."""

from pathlib import Path

import pytest

from tests.support.client_world import ClientWorld, names_of, read_leaf, serving_files
from tests.support.dehydrated import Dehydrated
from tests.support.openssl import make_csr

NAME = "dehydrated.example.test"


@pytest.fixture
def dehydrated(client_world: ClientWorld, folder: Path) -> Dehydrated:
    return Dehydrated(client_world, folder)


def test_dehydrated_gets_a_certificate_by_http_01(dehydrated: Dehydrated) -> None:
    with serving_files(dehydrated.folder / "www", dehydrated.world.http_port):
        ran = dehydrated.sign(NAME, "b.example.test", by="http-01")
    assert ran.status == 0, ran.output
    assert names_of(dehydrated.world.verified(dehydrated.file("fullchain"))) == ["b.example.test", NAME]


def test_dehydrated_gets_a_wildcard_and_its_base_by_dns_01(dehydrated: Dehydrated) -> None:
    ran = dehydrated.sign(f"*.{NAME}", NAME, by="dns-01")
    assert ran.status == 0, ran.output
    assert names_of(dehydrated.world.verified(dehydrated.file("fullchain"))) == [f"*.{NAME}", NAME]


def test_dehydrated_gets_a_certificate_by_tls_alpn_01(dehydrated: Dehydrated) -> None:
    ran = dehydrated.sign(NAME, by="tls-alpn-01")
    assert ran.status == 0, ran.output
    assert names_of(dehydrated.world.verified(dehydrated.file("fullchain"))) == [NAME]


def test_dehydrated_gets_a_certificate_for_a_csr_of_ones_own(dehydrated: Dehydrated) -> None:
    _, csr = make_csr(dehydrated.folder, NAME)
    with serving_files(dehydrated.folder / "www", dehydrated.world.http_port):
        ran = dehydrated.run("--signcsr", str(csr), "--full-chain", "--accept-terms")
    assert ran.status == 0, ran.output
    chain = dehydrated.folder / "signed.pem"
    chain.write_text(ran.output[ran.output.index("-----BEGIN") :])
    assert names_of(dehydrated.world.verified(chain)) == [NAME]


def test_dehydrated_renews(dehydrated: Dehydrated) -> None:
    with serving_files(dehydrated.folder / "www", dehydrated.world.http_port):
        assert dehydrated.sign(NAME, by="http-01").status == 0
        first = read_leaf(dehydrated.file("fullchain"))
        ran = dehydrated.sign(NAME, by="http-01", further=("--force",))
    assert ran.status == 0, ran.output
    second = dehydrated.world.verified(dehydrated.file("fullchain"))
    assert second.serial_number != first.serial_number


def test_dehydrated_revokes(dehydrated: Dehydrated) -> None:
    assert dehydrated.sign(NAME, by="dns-01").status == 0
    leaf = read_leaf(dehydrated.file("cert"))
    ran = dehydrated.run("--revoke", str(dehydrated.file("cert")))
    assert ran.status == 0, ran.output
    assert dehydrated.world.status_of(leaf) == "revoked"


def test_dehydrated_gives_its_account_up(dehydrated: Dehydrated) -> None:
    assert dehydrated.run("--register", "--accept-terms").status == 0
    ran = dehydrated.run("--deactivate")
    assert ran.status == 0, ran.output
    assert "Done." in ran.output


def test_dehydrated_opens_an_account_with_an_external_key(client_world: ClientWorld, folder: Path) -> None:
    ran = Dehydrated(client_world.with_bound_accounts(), folder).run("--register", "--accept-terms")
    assert ran.status == 0, ran.output
