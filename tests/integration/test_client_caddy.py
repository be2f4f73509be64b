"""Debian's Caddy against a real server of two workers.

It does not revoke. For tls-alpn-01 of an address it shows a certificate for a DNS name, against RFC 8738.
"""

from pathlib import Path

import pytest

from tests.support.caddy import OBTAINED, RENEWED, Caddy
from tests.support.client_world import ClientWorld, names_of, read_leaf
from tests.support.uacme import Uacme

NAME = "caddy.example.test"


@pytest.fixture
def caddy(client_world: ClientWorld, folder: Path) -> Caddy:
    return Caddy(client_world, folder)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_caddy_gets_the_certificate_of_a_site(caddy: Caddy, challenge: str) -> None:
    with caddy.serving(NAME, by=challenge) as serving:
        serving.wait_for(OBTAINED)
    assert names_of(caddy.world.verified(caddy.chain(NAME))) == [NAME]


def test_caddy_gets_the_certificate_of_an_address_by_http_01(caddy: Caddy) -> None:
    with caddy.serving("127.0.0.1", by="http-01") as serving:
        serving.wait_for(OBTAINED)
    assert names_of(caddy.world.verified(caddy.chain("127.0.0.1"))) == ["127.0.0.1"]


def test_caddy_renews(caddy: Caddy) -> None:
    with caddy.serving(NAME, by="http-01") as serving:
        serving.wait_for(OBTAINED)
    first = read_leaf(caddy.chain(NAME))
    with caddy.serving(NAME, by="http-01", renewal_window=1.0) as serving:
        serving.wait_for(RENEWED)
    assert caddy.world.verified(caddy.chain(NAME)).serial_number != first.serial_number


def test_caddy_opens_an_account_with_an_external_key(client_world: ClientWorld, folder: Path) -> None:
    caddy = Caddy(client_world.with_bound_accounts(), folder)
    with caddy.serving(NAME, by="http-01") as serving:
        serving.wait_for(OBTAINED)
    assert names_of(caddy.world.verified(caddy.chain(NAME))) == [NAME]


def test_a_certificate_of_caddy_is_revoked_with_its_key_by_another_client(caddy: Caddy) -> None:
    with caddy.serving(NAME, by="http-01") as serving:
        serving.wait_for(OBTAINED)
    chain = caddy.chain(NAME)
    leaf = read_leaf(chain)
    ran = Uacme(caddy.world, caddy.folder).run("revoke", str(chain), str(chain.with_suffix(".key")))
    assert ran.status == 0, ran.output
    assert caddy.world.status_of(leaf) == "revoked"
