"""Debian's Apache with mod_md against a real server of two workers. It does not revoke."""

from pathlib import Path

import pytest

from tests.support.apache import STAGED, Apache
from tests.support.client_world import ClientWorld, names_of, read_leaf
from tests.support.uacme import Uacme

NAME = "apache.example.test"


@pytest.fixture
def apache(client_world: ClientWorld, folder: Path) -> Apache:
    return Apache(client_world, folder)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_mod_md_gets_the_certificate_of_a_site(apache: Apache, challenge: str) -> None:
    with apache.serving(NAME, by=challenge) as serving:
        serving.wait_for(STAGED)
    assert names_of(apache.world.verified(apache.chain(NAME, is_staged=True))) == [NAME]


def test_mod_md_gets_a_wildcard_and_its_base_by_dns_01(apache: Apache) -> None:
    with apache.serving(NAME, f"*.{NAME}", by="dns-01") as serving:
        serving.wait_for(STAGED)
    assert names_of(apache.world.verified(apache.chain(NAME, is_staged=True))) == [f"*.{NAME}", NAME]


def test_mod_md_renews_what_it_uses_since_its_restart(apache: Apache) -> None:
    with apache.serving(NAME, by="http-01") as serving:
        serving.wait_for(STAGED)
    with apache.serving(NAME, by="http-01", renew_window="100d") as serving:
        serving.wait_for(STAGED)
    first = apache.world.verified(apache.chain(NAME))
    second = apache.world.verified(apache.chain(NAME, is_staged=True))
    assert first.serial_number != second.serial_number


def test_mod_md_opens_an_account_with_an_external_key(client_world: ClientWorld, folder: Path) -> None:
    apache = Apache(client_world.with_bound_accounts(), folder)
    with apache.serving(NAME, by="http-01") as serving:
        serving.wait_for(STAGED)
    assert names_of(apache.world.verified(apache.chain(NAME, is_staged=True))) == [NAME]


def test_a_certificate_of_mod_md_is_revoked_with_its_key_by_another_client(apache: Apache) -> None:
    with apache.serving(NAME, by="http-01") as serving:
        serving.wait_for(STAGED)
    # The key of what is only staged is encrypted; at the next start it is a plain one, in use.
    with apache.serving(NAME, by="http-01", renew_window="100d") as serving:
        serving.wait_for(STAGED)
    chain = apache.chain(NAME)
    leaf = read_leaf(chain)
    key = chain.with_name(chain.name.replace("pubcert", "privkey"))
    ran = Uacme(apache.world, apache.folder).run("revoke", str(chain), str(key))
    assert ran.status == 0, ran.output
    assert apache.world.status_of(leaf) == "revoked"
