"""`keywright pki profile` and `keywright pki blocked-key` against a running server, on both databases."""

import json
from pathlib import Path

import pytest

from tests.support.openssl import make_csr, openssl
from tests.support.person import Person
from tests.support.server import Server


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


def test_given_settings_then_a_profile_is_made_changed_and_disabled(person: Person) -> None:
    (person.folder / "more.json").write_text(json.dumps({"subject": {"organization": "Example"}}))
    made = person.reads(
        *("pki", "profile", "create", "shop", "--like", "server", "--file", "more.json"),
        *("--set", "names_allowed=dns:**.example.com,ip:10.0.0.0/8", "--set", "allows_wildcards=false"),
    )
    assert (made["names_allowed"], made["allows_wildcards"], made["subject"]) == (
        ["dns:**.example.com", "ip:10.0.0.0/8"],
        False,
        {"organization": "Example"},
    )
    changed = person.reads(
        "pki", "profile", "update", "shop", "--set", "max_ttl=30d", "--set", "default_ttl=9d"
    )
    assert (changed["version"], changed["max_ttl"]) == (2, 30 * 86400)
    assert [each["version"] for each in person.reads("pki", "profile", "versions", "shop")] == [2, 1]
    assert person.reads("pki", "profile", "show", "shop", "--version", "1")["max_ttl"] == 200 * 86400
    issue = ("pki", "certificate", "issue", "--profile", "shop", "--common-name")
    assert "dns:**.example.com" in person.is_refused(*issue, "a.example.org")
    assert person.reads(*issue, "a.example.com")["profile"] == "shop"
    person.does("pki", "profile", "disable", "shop")
    assert "disabled" in person.is_refused(*issue, "b.example.com")
    assert "shop" in person.does("pki", "profile", "list").stdout


def test_given_nonsense_then_one_sentence_names_it(person: Person) -> None:
    update = ("pki", "profile", "update", "server")
    assert "dns:" in person.is_refused(*update, "--set", "names_denied=example.com")
    person.is_refused("pki", "profile", "show", "nothing")
    person.is_refused(*update, status=2)
    person.is_refused(*update, "--set", "max_ttl", status=2)
    person.is_refused("pki", "blocked-key", "add", status=2)


def test_given_a_blocked_key_then_it_is_certified_no_more_until_it_is_unblocked(person: Person) -> None:
    key, csr = make_csr(person.folder, "a.example.com")
    openssl("pkey", "-in", key, "-pubout", "-out", person.folder / "key.pub")
    added = person.reads("pki", "blocked-key", "add", "--public-key", "key.pub", "--comment", "lost")
    issue = ("pki", "certificate", "issue", "--csr", str(csr))
    assert "blocked" in person.is_refused(*issue)
    assert added["id"] in person.does("pki", "blocked-key", "list").stdout
    assert person.reads("pki", "blocked-key", "show", added["id"]) == added
    person.does("pki", "blocked-key", "remove", added["id"])
    assert person.reads(*issue)["status"] == "valid"
    proven = person.reads("pki", "blocked-key", "add", "--published-private-key", str(key))
    assert (proven["reach"], proven["key_hash"]) == ("instance", added["key_hash"])
    assert "stays blocked" in person.is_refused("pki", "blocked-key", "remove", proven["id"])
