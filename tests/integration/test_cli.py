"""`keywright pki` against a running server, on both databases."""

import json
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.openssl import make_csr, openssl
from tests.support.person import Person
from tests.support.server import Server


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


def verify(person: Person, folder: Path) -> str:
    return openssl(
        *("verify", "-CAfile", person.server.ca_file, "-untrusted", folder / "chain.pem"),
        folder / "certificate.pem",
        check=False,
    )


def test_given_names_of_many_kinds_then_each_is_certified_as_its_kind(person: Person) -> None:
    issued = person.reads(
        *("pki", "certificate", "issue", "--profile", "server", "--common-name", "api.example.com"),
        *("--alt-names", "*.api.example.com, api.internal,10.0.0.7,2001:db8::7", "--ttl", "2160h"),
        *("--key-algorithm", "EC_P384"),
    )

    assert issued["names"] == [
        {"type": "dns", "value": "api.example.com"},
        {"type": "dns", "value": "*.api.example.com"},
        {"type": "dns", "value": "api.internal"},
        {"type": "ip", "value": "10.0.0.7"},
        {"type": "ip", "value": "2001:db8::7"},
    ]
    assert issued["key_algorithm"] == "EC_P384"
    assert issued["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")


def test_given_a_folder_then_the_files_are_there_and_the_key_is_shown_nowhere(person: Person) -> None:
    done = person.does("pki", "certificate", "issue", "--common-name", "out.example.com", "--out", "made/api")

    folder = person.folder / "made" / "api"
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert set(modes) == {"certificate.pem", "chain.pem", "fullchain.pem", "key.pem"}
    assert modes["key.pem"] == 0o600
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    assert "certificate.pem: OK" in verify(person, folder)
    key = openssl("pkey", "-in", folder / "key.pem", "-pubout")
    assert key == openssl("x509", "-in", folder / "certificate.pem", "-noout", "-pubkey")


def test_given_no_folder_then_everything_is_printed_as_pem(person: Person) -> None:
    printed = person.does("pki", "certificate", "issue", "--common-name", "pem.example.com").stdout

    assert printed.count("-----BEGIN CERTIFICATE-----") == 2
    assert printed.endswith("-----END PRIVATE KEY-----\n")


def test_given_a_csr_then_its_key_is_certified(person: Person) -> None:
    _, csr = make_csr(person.folder, "csr.example.com")

    person.does("pki", "certificate", "issue", "--csr", str(csr), "--out", "api", "--ttl", "1h")

    folder = person.folder / "api"
    assert not (folder / "key.pem").exists()
    assert "certificate.pem: OK" in verify(person, folder)
    certified = openssl("x509", "-in", folder / "certificate.pem", "-noout", "-pubkey")
    assert certified == openssl("req", "-in", csr, "-noout", "-pubkey")


def test_given_an_authority_by_id_then_it_is_the_one_of_that_name(person: Person) -> None:
    known = {item["name"]: item["id"] for item in person.reads("pki", "authority", "list")}

    issue = ("pki", "certificate", "issue", "--common-name", "ca.example.com")
    by_id = person.reads(*issue, "--ca-id", known["issuing"])
    by_name = person.reads(*issue, "--authority", "issuing")

    assert by_id["authority_id"] == by_name["authority_id"] == known["issuing"]
    assert person.reads("pki", "authority", "show", "issuing")["id"] == known["issuing"]


def test_given_an_unknown_authority_id_then_the_sentence_says_where_to_look(person: Person) -> None:
    issue = ("pki", "certificate", "issue", "--common-name", "ca.example.com")

    assert "keywright pki authority list" in person.is_refused(*issue, "--ca-id", "ca_nope")


def test_given_a_serial_number_then_it_shows_the_same_certificate_as_the_id(person: Person) -> None:
    issued = person.reads("pki", "certificate", "issue", "--common-name", "show.example.com")
    serial = issued["serial_number"]
    colons = ":".join(serial[place : place + 2] for place in range(0, len(serial), 2)).upper()

    by_id = person.reads("pki", "certificate", "show", issued["id"])

    assert by_id["certificate"] == issued["certificate"]
    assert person.reads("pki", "certificate", "show", serial) == by_id
    assert person.reads("pki", "certificate", "show", colons) == by_id


def test_given_a_certificate_then_a_person_reads_its_fields_and_its_pem(person: Person) -> None:
    issued = person.reads("pki", "certificate", "issue", "--common-name", "person.example.com")

    shown = person.does("pki", "certificate", "show", issued["id"]).stdout

    assert f"serial_number  {issued['serial_number']}\n" in shown
    assert "names          person.example.com\n" in shown
    assert shown.endswith(issued["certificate"])


def test_given_a_filter_then_the_list_has_what_it_asks_for(person: Person) -> None:
    kept = person.reads("pki", "certificate", "issue", "--common-name", "a.list.example.com")
    gone = person.reads("pki", "certificate", "issue", "--common-name", "b.list.example.com")
    person.does("pki", "certificate", "revoke", gone["id"])

    listing = ("pki", "certificate", "list", "--name", "*.list.example.com", "--profile", "server")
    valid = person.reads(*listing, "--status", "valid", "--authority", "issuing")
    table = person.does(*listing, "--limit", "2").stdout.splitlines()

    assert [item["id"] for item in valid] == [kept["id"]]
    assert table[0].split("  ")[0] == "ID"
    assert [line.split()[:2] for line in table[1:]] == [[gone["id"], "revoked"], [kept["id"], "valid"]]


def test_given_nothing_found_then_a_sentence_says_so(person: Person) -> None:
    listing = ("pki", "certificate", "list", "--name", "nothing.example.org")

    assert person.does(*listing).stdout == "no such certificates\n"
    assert person.reads(*listing) == []


def test_given_a_revocation_by_serial_number_then_reason_and_status_are_told(person: Person) -> None:
    issued = person.reads("pki", "certificate", "issue", "--common-name", "revoke.example.com")

    revoke = ("pki", "certificate", "revoke", issued["serial_number"])
    revoked = person.reads(*revoke, "--reason", "keyCompromise")

    assert (revoked["status"], revoked["revocation_reason"]) == ("revoked", "keyCompromise")
    assert person.reads(*revoke) == revoked
    assert "revoked" in person.does(*revoke).stdout


def test_given_a_renewal_then_a_new_certificate_has_the_same_names(person: Person) -> None:
    issue = ("pki", "certificate", "issue", "--common-name", "renew.example.com", "--alt-names", "10.0.0.7")
    first = person.reads(*issue)

    second = person.reads("pki", "certificate", "renew", first["id"], "--out", "renewed")

    assert second["names"] == first["names"]
    assert second["id"] != first["id"]
    assert "private_key" not in second
    assert stat.S_IMODE((person.folder / "renewed" / "key.pem").stat().st_mode) == 0o600
    assert "certificate.pem: OK" in verify(person, person.folder / "renewed")


def test_given_a_csr_with_the_renewal_then_no_key_is_returned(person: Person) -> None:
    first = person.reads("pki", "certificate", "issue", "--alt-names", "renew.example.com")
    _, csr = make_csr(person.folder, "renew.example.com")

    assert "private_key" not in person.reads("pki", "certificate", "renew", first["id"], "--csr", str(csr))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("pki", "certificate", "show", "crt_nope"), "no such certificate"),
        (("pki", "certificate", "show", "00ff"), "00ff"),
        (("pki", "certificate", "issue", "--common-name", "a.example", "--profile", "nope"), "profile"),
        (("pki", "certificate", "issue", "--common-name", "a.example", "--ttl", "201d"), "ttl"),
        (("pki", "certificate", "issue", "--alt-names", "a.example,b_.example"), "dns_names[1]"),
        (("pki", "certificate", "issue", "--alt-names", "300.0.0.1"), "ip_addresses[0]"),
        (("pki", "certificate", "issue", "--csr", "gone.csr"), "gone.csr"),
        (("pki", "certificate", "issue", "--common-name", "a.example", "--out", "/proc/x"), "/proc/x"),
        (("pki", "certificate", "list", "--project", "nope"), "no such project"),
        (("pki", "certificate", "list", "--expires-before", "soon"), "expires_before"),
    ],
)
def test_given_a_refusal_then_status_1_and_one_sentence_that_names_it(
    person: Person, arguments: tuple[str, ...], named: str
) -> None:
    assert named in person.is_refused(*arguments)


def test_given_a_folder_that_cannot_be_made_then_nothing_was_issued(person: Person) -> None:
    name = "never.example.com"
    person.is_refused("pki", "certificate", "issue", "--common-name", name, "--out", "/proc/x")

    assert person.reads("pki", "certificate", "list", "--name", name) == []


def test_given_a_reader_that_has_enough_then_nothing_is_complained_about(person: Person) -> None:
    command = "keywright pki authority list --json | head -c 1"
    program = Path(__file__).resolve().parents[2] / ".venv" / "bin"
    piped = subprocess.run(
        ["bash", "-c", command],
        env={**person.environment, "PATH": f"{program}:/usr/bin:/bin"},
        cwd=person.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (piped.stdout, piped.stderr) == ("[", "")


def test_given_profiles_then_they_are_listed(person: Person) -> None:
    listed = person.reads("pki", "profile", "list")

    assert {item["name"] for item in listed} == {
        "server",
        "client",
        "server-and-client",
        "code-signing",
        "email",
        "short-lived",
        "intermediate",
    }
    assert "server" in person.does("pki", "profile", "list").stdout
    assert json.dumps(listed)
