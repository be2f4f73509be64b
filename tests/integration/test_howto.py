"""The pages of docs/howto, typed as they are printed."""

import os
import re
import shlex
from pathlib import Path

import pytest

from tests.support.apache import STAGED, running_apache
from tests.support.caddy import OBTAINED, running_caddy
from tests.support.certbot import install_certbot
from tests.support.client_world import ClientWorld, names_of
from tests.support.command_line import ROOT, keywright
from tests.support.newcomer import Newcomer
from tests.support.uacme import TRUSTING

PAGES = ROOT / "docs" / "howto"
_NAMES = ["api.localhost", "www.localhost"]


def typed(page: str, kind: str = "") -> str:
    """Return everything that a page prints to be typed, or its one block of another kind."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return "\n".join(block for named, block in blocks if named == kind)


class Reader:
    """Types a page with nothing but ports, URLs and the two scripts for a zone put in."""

    def __init__(self, world: ClientWorld, folder: Path) -> None:
        self.folder = folder
        self.world = world
        self.newcomer = Newcomer(world.server, folder)
        self.newcomer.environment.update(world.surroundings.environment)
        self.programs = folder / "bin"
        self.programs.mkdir()
        (self.programs / "certbot").symlink_to(install_certbot())
        self.newcomer.environment["PATH"] = f"{self.programs}:{os.environ['PATH']}"
        for verb, script in (("add", "dns-add"), ("del", "dns-remove")):
            (folder / script).write_text(f'#!/bin/sh\nexec {world.dns_hook} {verb} "$@"\n')
            (folder / script).chmod(0o755)

    def put_in(self, text: str) -> str:
        """Return a text of a page with this world's ports and URL."""
        real = {
            "https://127.0.0.1:8443": self.world.server.url,
            "5002": str(self.world.http_port),
            "5003": str(self.world.tls_port),
            "127.0.0.1:53 ": f"{self.world.surroundings.dns.address} ",
        }
        for printed, value in real.items():
            text = text.replace(printed, value)
        return text

    def types(self, page: str) -> str:
        """Type a page after the exports of the index, and return what was printed."""
        exports = typed("README").partition("export ")
        return self.newcomer.types(self.put_in("export " + exports[2] + typed(page)))


@pytest.fixture
def reader(sqlite_client_world: ClientWorld, folder: Path) -> Reader:
    return Reader(sqlite_client_world, folder)


def test_the_trials_settings_are_settings(folder: Path) -> None:
    serve = typed("README").partition("export ")[0]
    words = [word.partition("=") for word in shlex.split(serve.replace("\\\n", " "))]
    settings = {name: value for name, _, value in words if name.startswith("KEYWRIGHT__")}
    assert len(settings) == 3
    checked = keywright("config", "check", env=settings, cwd=folder)
    assert checked.returncode == 0, checked.stderr


def test_given_the_certbot_page_then_certificates_are_issued_renewed_and_revoked(reader: Reader) -> None:
    printed = reader.types("certbot")
    assert printed.count("Successfully received certificate") == 3
    assert printed.count("Congratulations! You have successfully revoked") == 2


def test_given_the_lego_page_then_certificates_are_issued_renewed_and_revoked(reader: Reader) -> None:
    printed = reader.types("lego")
    assert printed.count("Server responded with a certificate") == 4
    assert "Certificate was revoked" in printed


def test_given_the_dehydrated_page_then_certificates_are_issued_renewed_and_revoked(reader: Reader) -> None:
    printed = reader.types("dehydrated")
    assert printed.count("Creating fullchain.pem") == 3
    assert "Renaming certificate to" in printed


def test_given_the_uacme_page_then_certificates_are_issued_renewed_and_revoked(reader: Reader) -> None:
    uacme = reader.programs / "uacme"
    line = shlex.join([*TRUSTING, str(reader.world.server.ca_file), "/usr/bin/uacme"])
    uacme.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
    uacme.chmod(0o755)
    reader.types("uacme")
    assert len(list((reader.folder / "uacme").glob("*/revoked-*.pem"))) == 2


def test_given_the_acme_tiny_page_then_a_certificate_is_issued_and_found(reader: Reader) -> None:
    printed = reader.types("acme-tiny")
    assert "www.pem: OK" in printed
    assert "www.localhost" in printed.partition("www.pem: OK")[2]


def test_given_the_caddy_page_then_a_caddyfile_as_printed_gets_its_certificates(reader: Reader) -> None:
    file = reader.folder / "Caddyfile"
    file.write_text(reader.put_in(typed("caddy", "caddyfile")))
    with running_caddy(reader.world, reader.folder, file) as serving:
        serving.wait_for(
            f'{OBTAINED}","identifier":"api.localhost"', f'{OBTAINED}","identifier":"www.localhost"'
        )


def test_given_the_apache_page_then_a_configuration_as_printed_gets_a_certificate(reader: Reader) -> None:
    with running_apache(reader.world, reader.folder, reader.put_in(typed("apache", "apache"))) as serving:
        serving.wait_for(STAGED)
    [chain] = (reader.folder / "md" / "staging" / "www.localhost").glob("pubcert*.pem")
    assert names_of(reader.world.verified(chain)) == _NAMES


def test_given_the_page_on_bound_accounts_then_a_key_opens_accounts_until_it_is_disabled(
    reader: Reader,
) -> None:
    printed = reader.types("bound-accounts")
    assert "Account registered." in printed
    assert "Server responded with a certificate" in printed
    assert "disabled" in printed


def test_given_the_page_on_ocsp_then_openssl_curl_and_gnutls_hear_that_the_certificate_is_good(
    reader: Reader,
) -> None:
    printed = reader.types("ocsp")
    assert printed.count("asked/certificate.pem: good") == 2
    assert printed.count("Response verify OK") == 2
    assert "Certificate Status: good" in printed
    assert '"revocation_pointers":["crl","ocsp"]' in printed


def test_given_the_page_on_revocation_lists_then_a_shard_is_verified_and_refuses_the_revoked(
    reader: Reader,
) -> None:
    printed = reader.types("revocation-lists")
    assert printed.count("spread/certificate.pem: OK") == 1
    assert "certificate revoked" in printed
    assert "http://mirror.example/spread-" in printed
    assert "Only User Certificates" in printed
    assert "304" in printed


def test_given_the_page_on_authorities_then_chains_verify_and_a_name_outside_is_refused(
    reader: Reader,
) -> None:
    printed = reader.types("authorities")
    assert "www/certificate.pem: OK" in printed
    assert "theirs/certificate.pem: OK" in printed
    assert "www.example.org lies outside what the authority may certify (corp.example)" in printed
    assert "corp-web has 2 chains now" in printed
    assert "corp-web-old is retired, for good" in printed


def test_given_the_page_on_profiles_then_one_is_made_used_and_a_key_blocked(reader: Reader) -> None:
    printed = reader.types("certificate-profiles")
    assert "dns:**.example.com" in printed
    assert (reader.folder / "web" / "certificate.pem").exists()
    assert "private-key" in printed
