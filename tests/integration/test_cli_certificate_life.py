"""`keywright pki` after issuance: PKCS #12, kept keys, imports, revoking many, channels."""

from pathlib import Path

import pytest

from tests.support.openssl import openssl
from tests.support.person import Person
from tests.support.server import Server


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


def test_a_key_goes_with_its_certificate_as_pkcs12(person: Person) -> None:
    (person.folder / "password").write_text("correct horse battery\n")
    issue = ("pki", "certificate", "issue", "--common-name", "p12.example.com", "--out", "made")
    person.does(*issue, "--pkcs12-password-file", "password")
    shown = openssl(
        *("pkcs12", "-in", person.folder / "made" / "key.p12", "-nodes"),
        *("-passin", f"file:{person.folder / 'password'}"),
    )
    assert "BEGIN PRIVATE KEY" in shown
    assert shown.count("BEGIN CERTIFICATE") == 2


def test_a_kept_key_is_read_again_and_all_of_its_profile_is_revoked(person: Person) -> None:
    person.does("pki", "profile", "create", "kept", "--like", "server", "--set", "keeps_keys=true")
    issue = ("pki", "certificate", "issue", "--profile", "kept", "--common-name", "kept.example.com")
    issued = person.reads(*issue)
    assert person.does("pki", "certificate", "key", issued["id"]).stdout == issued["private_key"]
    of_profile = ("pki", "certificate", "revoke-all", "--profile", "kept")
    assert person.reads(*of_profile)["count"] == 1
    assert "There are 1 such certificates now" in person.is_refused(*of_profile, "--expect", "2")
    begun = person.reads(*of_profile, "--expect", "1", "--reason", "superseded")
    assert person.reads("pki", "certificate", "revocation", begun["id"])["count"] == 1


def test_a_channel_is_made_shown_changed_and_removed(person: Person) -> None:
    made = person.reads("pki", "channel", "add-webhook", "hooks", "https://hooks.example.org/in")
    assert made["secret"].startswith("whsec_")
    person.does("pki", "channel", "update", "hooks", "--event", "certificate.revoked")
    shown = person.reads("pki", "channel", "show", "hooks")
    assert (shown["events"], "secret" in shown) == (["certificate.revoked"], False)
    person.does("pki", "channel", "remove", "hooks")
    assert person.reads("pki", "channel", "list") == []
    assert "https" in person.is_refused("pki", "channel", "add-webhook", "bad", "ftp://example.org/")
