"""Debian's uacme, with ualpn beside it, against a real server of two workers."""

from pathlib import Path

import pytest

from tests.support.client_world import ClientWorld, names_of, read_leaf, serving_files
from tests.support.openssl import make_csr
from tests.support.uacme import HTTP_HOOK, Uacme

NAME = "uacme.example.test"


@pytest.fixture
def uacme(client_world: ClientWorld, folder: Path) -> Uacme:
    return Uacme(client_world, folder)


@pytest.fixture
def dns_hook(client_world: ClientWorld) -> str:
    return client_world.dns_hook


def test_uacme_gets_a_certificate_by_http_01(uacme: Uacme) -> None:
    with serving_files(uacme.folder / "www", uacme.world.http_port):
        ran = uacme.issue(NAME, "b.example.test", hook=HTTP_HOOK)
    assert ran.status == 0, ran.output
    assert names_of(uacme.world.verified(uacme.chain(NAME))) == ["b.example.test", NAME]


def test_uacme_gets_a_wildcard_and_its_base_by_dns_01(uacme: Uacme, dns_hook: str) -> None:
    ran = uacme.issue(f"*.{NAME}", NAME, hook=dns_hook)
    assert ran.status == 0, ran.output
    assert names_of(uacme.world.verified(uacme.chain(NAME))) == [f"*.{NAME}", NAME]


def test_uacme_gets_a_certificate_by_tls_alpn_01(uacme: Uacme) -> None:
    with uacme.answering_tls() as hook:
        ran = uacme.issue(NAME, hook=hook)
    assert ran.status == 0, ran.output
    assert names_of(uacme.world.verified(uacme.chain(NAME))) == [NAME]


def test_uacme_gets_a_certificate_for_an_address_by_http_01(uacme: Uacme) -> None:
    with serving_files(uacme.folder / "www", uacme.world.http_port):
        ran = uacme.issue("127.0.0.1", hook=HTTP_HOOK)
    assert ran.status == 0, ran.output
    assert names_of(uacme.world.verified(uacme.chain("127.0.0.1"))) == ["127.0.0.1"]


def test_an_address_that_uacme_puts_into_the_common_name_stands_in_no_subject(
    uacme: Uacme,
) -> None:
    with serving_files(uacme.folder / "www", uacme.world.http_port):
        ran = uacme.issue("127.0.0.1", hook=HTTP_HOOK)
    assert ran.status == 0, ran.output
    assert not list(read_leaf(uacme.chain("127.0.0.1")).subject)


def test_uacme_gets_a_certificate_for_an_address_by_tls_alpn_01(uacme: Uacme) -> None:
    with uacme.answering_tls() as hook:
        ran = uacme.issue("127.0.0.1", hook=hook)
    assert ran.status == 0, ran.output
    assert names_of(uacme.world.verified(uacme.chain("127.0.0.1"))) == ["127.0.0.1"]


def test_uacme_gets_a_certificate_for_a_csr_of_ones_own(uacme: Uacme, dns_hook: str) -> None:
    _, csr = make_csr(uacme.folder, NAME)
    ran = uacme.issue(str(csr), hook=dns_hook)
    assert ran.status == 0, ran.output
    assert names_of(uacme.world.verified(csr.with_name("request-cert.pem"))) == [NAME]


def test_uacme_renews(uacme: Uacme, dns_hook: str) -> None:
    assert uacme.issue(NAME, hook=dns_hook).status == 0
    first = read_leaf(uacme.chain(NAME))
    ran = uacme.issue(NAME, hook=dns_hook, further=("--force",))
    assert ran.status == 0, ran.output
    assert uacme.world.verified(uacme.chain(NAME)).serial_number != first.serial_number


def test_uacme_revokes_with_its_account(uacme: Uacme, dns_hook: str) -> None:
    assert uacme.issue(NAME, hook=dns_hook).status == 0
    leaf = read_leaf(uacme.chain(NAME))
    ran = uacme.run("revoke", str(uacme.chain(NAME)))
    assert ran.status == 0, ran.output
    assert uacme.world.status_of(leaf) == "revoked"


def test_uacme_revokes_with_the_key_of_the_certificate(uacme: Uacme, dns_hook: str) -> None:
    assert uacme.issue(NAME, hook=dns_hook, further=("--type", "EC")).status == 0
    leaf = read_leaf(uacme.chain(NAME))
    ran = uacme.run("revoke", str(uacme.chain(NAME)), str(uacme.key(NAME)))
    assert ran.status == 0, ran.output
    assert uacme.world.status_of(leaf) == "revoked"


def test_uacme_changes_the_key_of_its_account(uacme: Uacme, dns_hook: str) -> None:
    changed = uacme.run("newkey")
    assert changed.status == 0, changed.output
    ran = uacme.issue(NAME, hook=dns_hook)
    assert ran.status == 0, ran.output


def test_uacme_gives_its_account_up(uacme: Uacme) -> None:
    ran = uacme.run("deactivate")
    assert ran.status == 0, ran.output


def test_uacme_opens_an_account_with_an_external_key(client_world: ClientWorld, folder: Path) -> None:
    uacme = Uacme(client_world.with_bound_accounts(), folder)
    ran = uacme.issue(NAME, hook=client_world.dns_hook)
    assert ran.status == 0, ran.output
