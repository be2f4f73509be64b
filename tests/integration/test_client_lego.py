"""Debian's lego against a real server of two workers. It orders no addresses: it calls them DNS names."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.client_world import ClientWorld, names_of, read_leaf
from tests.support.lego import Lego
from tests.support.openssl import make_csr

NAME = "lego.example.test"


@pytest.fixture
def lego(client_world: ClientWorld, folder: Path) -> Lego:
    return Lego(client_world, folder)


def test_lego_gets_a_certificate_by_http_01(lego: Lego) -> None:
    ran = lego.run("run", NAME, "b.example.test", by=lego.http)
    assert ran.status == 0, ran.output
    assert names_of(lego.world.verified(lego.chain(NAME))) == ["b.example.test", NAME]


def test_lego_gets_a_wildcard_and_its_base_by_dns_01(lego: Lego) -> None:
    ran = lego.run("run", f"*.{NAME}", NAME, by=lego.dns)
    assert ran.status == 0, ran.output
    assert names_of(lego.world.verified(lego.chain(f"*.{NAME}"))) == [f"*.{NAME}", NAME]


def test_lego_gets_a_certificate_by_tls_alpn_01(lego: Lego) -> None:
    ran = lego.run("run", NAME, by=lego.tls)
    assert ran.status == 0, ran.output
    assert names_of(lego.world.verified(lego.chain(NAME))) == [NAME]


def test_lego_gets_a_certificate_for_a_csr_of_ones_own(lego: Lego) -> None:
    _, csr = make_csr(lego.folder, NAME)
    ran = lego.run("run", by=(*lego.http, "--csr", str(csr)))
    assert ran.status == 0, ran.output
    assert names_of(lego.world.verified(lego.chain(NAME))) == [NAME]


def test_lego_renews(lego: Lego) -> None:
    assert lego.run("run", NAME, by=lego.http).status == 0
    first = read_leaf(lego.chain(NAME))
    ran = lego.run("renew", NAME, by=lego.http, further=("--days", "90", "--no-random-sleep"))
    assert ran.status == 0, ran.output
    assert lego.world.verified(lego.chain(NAME)).serial_number != first.serial_number


def test_lego_revokes(lego: Lego) -> None:
    assert lego.run("run", NAME, by=lego.http).status == 0
    ran = lego.run("revoke", NAME, further=("--keep", "--reason", "4"))
    assert ran.status == 0, ran.output
    assert lego.world.status_of(read_leaf(lego.chain(NAME))) == "revoked"


def test_lego_opens_an_account_with_an_external_key(client_world: ClientWorld, folder: Path) -> None:
    lego = Lego(client_world.with_bound_accounts(), folder)
    ran = lego.run("run", NAME, by=lego.http)
    assert ran.status == 0, ran.output


def test_lego_reads_in_the_directory_that_accounts_need_an_external_key(
    client_world: ClientWorld, folder: Path
) -> None:
    lego = Lego(replace(client_world.with_bound_accounts(), external_key=None), folder)
    ran = lego.run("run", NAME, by=lego.http)
    assert ran.status == 1
    assert "Server requires External Account Binding" in ran.output
