"""`keywright acme eab` and `keywright acme account` against a running server, on both databases."""

import json
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.acme_client import AcmeClient, Reply, sign_binding
from tests.support.person import Person
from tests.support.server import Server, send

_POLICY = """
permit(principal == Identity::"IDENTITY", action == Action::"x509:issue", resource)
when { if context has name then context.name.value like "*.web.example.com" else true };
"""


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


@pytest.fixture
def identity(person: Person) -> str:
    return str(person.reads("identity", "create", person.folder.name)["id"])


def register(server: Server, key: dict[str, Any]) -> tuple[AcmeClient, Reply]:
    """Open an account with an external account key, over HTTPS."""
    context = ssl.create_default_context(cafile=str(server.ca_file))

    def over_tls(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        request = urllib.request.Request(url, data=body or None, method=method, headers=dict(headers))
        got = send(request, context)
        return Reply(got.status, {name: [value] for name, value in got.headers.items()}, got.body)

    client = AcmeClient(over_tls, f"{server.url}/acme/default/directory")
    binding = sign_binding(key["id"], key["hmac_key"], client.key, client.directory["newAccount"])
    return client, client.register(externalAccountBinding=binding)


def test_given_a_key_then_it_opens_an_account_and_shows_no_secret_again(
    person: Person, identity: str
) -> None:
    key = person.reads("acme", "eab", "create", "--identity", identity, "--name", "web", "--ttl", "30d")
    _, opened = register(person.server, key)

    assert opened.status == 201
    shown = person.reads("acme", "eab", "show", key["id"])
    assert (shown["status"], shown["uses"], "hmac_key" in shown) == ("used-up", 1, False)
    assert key["id"] in person.does("acme", "eab", "list").stdout
    assert key["hmac_key"] not in json.dumps(person.reads("acme", "eab", "list"))


def test_given_a_disabled_key_then_its_accounts_stop(person: Person, identity: str) -> None:
    key = person.reads("acme", "eab", "create", "--identity", identity, "--uses", "0")
    client, _ = register(person.server, key)

    assert person.reads("acme", "eab", "disable", key["id"])["status"] == "disabled"

    assert client.order("www.example.com").problem == "unauthorized"
    assert register(person.server, key)[1].problem == "unauthorized"


def test_given_its_accounts_then_an_operator_lists_and_deactivates_one(person: Person, identity: str) -> None:
    key = person.reads("acme", "eab", "create", "--identity", identity)
    client, opened = register(person.server, key)
    account = opened.header("location").rpartition("/")[2]

    [listed] = [each for each in person.reads("acme", "account", "list") if each["id"] == account]
    assert (listed["status"], listed["identity"]) == ("valid", identity)
    assert account in person.does("acme", "account", "list").stdout

    assert person.reads("acme", "account", "deactivate", account)["status"] == "deactivated"
    assert client.post(client.kid or "").problem == "unauthorized"


def test_given_no_such_thing_then_the_sentence_says_so(person: Person) -> None:
    assert "no such identity" in person.is_refused("acme", "eab", "create", "--identity", "idn_none")
    assert "no such external account key" in person.is_refused("acme", "eab", "show", "eab_none")
    assert "no such account" in person.is_refused("acme", "account", "deactivate", "acc_none")


def test_given_the_policy_of_the_page_then_it_is_one(person: Person, identity: str) -> None:
    (person.folder / "web-team.cedar").write_text(_POLICY.replace("IDENTITY", identity))
    made = person.reads("policy", "create", f"for-{identity[4:].lower()}", "web-team.cedar")
    assert made["enabled"] is True
