"""`keywright pki authority`: what the page on authorities does not type, refusals above all."""

from pathlib import Path

import pytest
from cryptography import x509

from ca_service.kernel.clock import SystemClock
from tests.support.client_world import ClientWorld
from tests.support.external_ca import ExternalCa, named, pem
from tests.support.person import Person


@pytest.fixture
def person(sqlite_client_world: ClientWorld, folder: Path) -> Person:
    return Person(sqlite_client_world.server, folder)


def test_given_a_parent_elsewhere_then_request_and_certificate_go_through_files(person: Person) -> None:
    name = "cli-outer"
    made = person.reads("pki", "authority", "create", name, "--external", "--path-length", "0")
    assert (made["status"], made["certificate"]) == ("pending", None)
    assert made["csr"] in person.does("pki", "authority", "show", name).stdout
    assert person.does("pki", "authority", "csr", name).stdout == made["csr"]
    elsewhere = ExternalCa("Elsewhere", SystemClock().now())
    (person.folder / "parent.pem").write_text(elsewhere.pem)
    key = ExternalCa("Another", SystemClock().now()).key.public_key()
    (person.folder / "wrong.pem").write_text(pem(elsewhere.certify(key, named("x"))))
    (person.folder / "right.pem").write_text(pem(elsewhere.answer(made["csr"])))
    importing = ("pki", "authority", "import", name, "--chain", "parent.pem", "--certificate")
    assert "another key" in person.is_refused(*importing, "wrong.pem")
    imported = person.reads(*importing, "right.pem")
    assert (imported["status"], imported["external"], imported["chain"]) == ("active", True, [])


def test_given_limits_then_they_stand_in_the_answer_and_in_the_certificate(person: Person) -> None:
    limits = "--permit dns:a.test --permit dns:b.test --exclude email:a.test --purpose clientAuth"
    creating = ("pki", "authority", "create", "cli-narrow", "--parent", "root", "--ttl", "10d")
    made = person.reads(*creating, *limits.split())
    assert (made["permitted_dns_domains"], made["excluded_email_addresses"], made["path_length"]) == (
        ["a.test", "b.test"],
        ["a.test"],
        0,
    )
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    assert certificate.extensions.get_extension_for_class(x509.NameConstraints).critical


@pytest.mark.parametrize("text", ["example.com", "host:example.com"])
def test_given_a_name_without_its_kind_then_the_command_says_how_it_is_written(
    person: Person, text: str
) -> None:
    told = person.is_refused("pki", "authority", "create", "x", "--permit", text, status=2)
    assert "dns:example.com" in told


def test_given_a_private_key_then_it_is_not_sent(person: Person) -> None:
    (person.folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
    told = person.is_refused("pki", "authority", "sign", "root", "--csr", "key.pem")
    assert "never leave this machine" in told


def test_given_a_status_then_it_is_told_until_the_authority_is_retired(person: Person) -> None:
    name = "cli-ending"
    person.does("pki", "authority", "create", name, "--parent", "root")
    assert person.reads("pki", "authority", "disable", name)["status"] == "disabled"
    assert "issues again" in person.does("pki", "authority", "enable", name).stderr
    assert person.reads("pki", "authority", "retire", name)["status"] == "retired"
    assert "for good" in person.is_refused("pki", "authority", "enable", name)
