"""`keywright acme directory` against a running server, on both databases."""

from pathlib import Path

import pytest

from tests.support.person import Person
from tests.support.server import Server


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


def test_given_all_its_options_then_a_directory_is_made_changed_and_closed(person: Person) -> None:
    made = person.reads(
        *("acme", "directory", "create", "shop", "--profile", "server", "--further-profile", "client"),
        *("--authority", "issuing", "--eab", "off", "--challenge", "http-01", "--challenge", "dns-01"),
        *("--caa", "log", "--caa-identity", "ca.example.com", "--website", "https://ca.example.com/"),
        *("--resolver", "127.0.0.1:8053", "--open"),
    )

    assert made["url"] == f"{person.server.url}/acme/shop/directory"
    assert (made["further_profiles"], made["challenges"]) == (["client"], ["http-01", "dns-01"])
    meta = person.server.get("/acme/shop/directory", token=None).json()["meta"]
    assert (meta["website"], meta["caaIdentities"]) == ("https://ca.example.com/", ["ca.example.com"])
    policies = [policy["name"] for policy in person.reads("policy", "list")]
    assert "acme-shop-open" in policies

    changed = person.reads("acme", "directory", "update", "shop", "--website", "", "--challenge", "")
    assert (changed["website"], changed["challenges"]) == (None, None)
    assert person.reads("acme", "directory", "show", "shop") == changed
    assert "shop" in person.does("acme", "directory", "list").stdout

    assert person.reads("acme", "directory", "delete", "shop") == {"deleted": "shop"}
    assert person.server.get("/acme/shop/directory", token=None).status == 404
    assert "exists or existed" in person.is_refused(
        "acme", "directory", "create", "shop", "--profile", "server"
    )


def test_given_a_profile_that_is_not_there_then_the_sentence_says_so(person: Person) -> None:
    sentence = person.is_refused("acme", "directory", "create", "other", "--profile", "nothing")
    assert "no such profile" in sentence


def test_given_nothing_to_change_then_that_is_wrong_usage(person: Person) -> None:
    assert "say what shall change" in person.is_refused("acme", "directory", "update", "default", status=2)
