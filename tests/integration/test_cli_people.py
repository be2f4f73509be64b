"""`keywright login`, `trust`, `status`, and who may do what: against a running server, on both databases."""

import json
import ssl
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import keywright
from tests.support.person import Person
from tests.support.server import Server


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


@pytest.fixture
def stranger(either_server: Server, tmp_path: Path) -> Person:
    """Somebody who has only heard of the server: no token, no root."""
    made = Person(either_server, tmp_path / "stranger", token=None)
    made.folder.mkdir()
    for name in ("KEYWRIGHT_URL", "KEYWRIGHT_CA"):
        del made.environment[name]
    return made


def fingerprint(server: Server) -> str:
    return sha256(ssl.PEM_cert_to_DER_cert(server.ca_file.read_text())).hexdigest()


def make_identity(person: Person, role: str | None = "viewer") -> dict[str, Any]:
    """Make a machine identity with a secret, all on the command line."""
    identity = person.reads("identity", "create", person.folder.name)["id"]
    if role is not None:
        assert person.reads("member", "add", identity, role)["identity"] == identity
    secret: dict[str, Any] = person.reads("identity", "secret", identity)
    return secret | {"identity": identity}


def settings_of(person: Person) -> Path:
    return person.folder / "settings" / "keywright" / "settings.json"


def test_given_the_fingerprint_then_the_root_is_pinned_and_the_server_is_known(
    stranger: Person, person: Person
) -> None:
    server = stranger.server

    pinned = stranger.reads("trust", "bootstrap", server.url, "--fingerprint", fingerprint(server))

    assert (pinned["url"], pinned["fingerprint"]) == (server.url, fingerprint(server))
    assert Path(pinned["ca_file"]).read_text() == server.ca_file.read_text()
    assert stranger.does("ssh", "ca", "user").stdout == person.does("ssh", "ca", "user").stdout


def test_given_colons_and_capitals_then_the_fingerprint_is_the_same(stranger: Person) -> None:
    hexadecimal = fingerprint(stranger.server).upper()
    colons = ":".join(hexadecimal[place : place + 2] for place in range(0, 64, 2))

    stranger.does("trust", "bootstrap", stranger.server.url, "--fingerprint", colons, "--out", "root.pem")

    assert (stranger.folder / "root.pem").read_text() == stranger.server.ca_file.read_text()


def test_given_another_fingerprint_then_nothing_is_trusted(stranger: Person) -> None:
    wrong = sha256(b"another root").hexdigest()

    told = stranger.is_refused("trust", "bootstrap", stranger.server.url, "--fingerprint", wrong)

    assert "no root with that fingerprint" in told
    assert list(stranger.folder.iterdir()) == []


def test_given_no_root_then_the_sentence_says_how_to_trust_the_server(stranger: Person) -> None:
    stranger.environment["KEYWRIGHT_URL"] = stranger.server.url

    assert "keywright trust bootstrap" in stranger.is_refused("ssh", "ca", "user")


def test_given_no_token_then_the_sentence_is_one_of_the_server(stranger: Person) -> None:
    server = stranger.server
    stranger.environment |= {"KEYWRIGHT_URL": server.url, "KEYWRIGHT_CA": str(server.ca_file)}

    assert "bearer token" in stranger.is_refused("pki", "certificate", "list")


def test_given_a_machine_identity_then_it_logs_in_and_out(person: Person, stranger: Person) -> None:
    secret = make_identity(person)
    server = person.server
    stranger.does("trust", "bootstrap", server.url, "--fingerprint", fingerprint(server))

    done = stranger.does("login", "--client-id", secret["client_id"], stdin=secret["client_secret"] + "\n")

    kept = json.loads(settings_of(stranger).read_text())
    assert stat.S_IMODE(settings_of(stranger).stat().st_mode) == 0o600
    assert (kept["url"], secret["client_secret"] in str(kept)) == (server.url, False)
    assert kept["token"] not in done.stdout + done.stderr
    assert stranger.reads("project", "list")[0]["slug"] == "default"
    stranger.does("logout")
    assert "token" not in json.loads(settings_of(stranger).read_text())
    assert server.get("/v1/auth/self", token=kept["token"]).status == 401
    assert "bearer token" in stranger.is_refused("project", "list")


def test_given_a_wrong_secret_then_nothing_is_kept(person: Person, stranger: Person) -> None:
    secret = make_identity(person, None)
    stranger.environment |= {"KEYWRIGHT_URL": person.server.url, "KEYWRIGHT_CA": str(person.server.ca_file)}

    told = stranger.is_refused("login", "--client-id", secret["client_id"], stdin="wrong\n")

    assert "wrong" not in told
    assert not settings_of(stranger).exists()


def test_given_a_token_then_it_is_kept_with_the_root(stranger: Person) -> None:
    server = stranger.server
    stranger.environment |= {"KEYWRIGHT_CA": str(server.ca_file)}

    stranger.does("login", "--url", server.url, stdin=server.admin_token + "\n")

    del stranger.environment["KEYWRIGHT_CA"]
    assert stranger.reads("status")["version"]


def test_given_no_input_then_login_says_what_is_missing(stranger: Person) -> None:
    assert "no token was given" in stranger.is_refused("login")


def test_given_the_administrators_token_beside_then_logout_leaves_it_alone(person: Person) -> None:
    person.does("logout")

    assert person.server.get("/v1/auth/self").status == 200


def test_given_another_server_then_the_kept_token_is_not_sent_there(stranger: Person, tmp_path: Path) -> None:
    server = stranger.server
    stranger.environment["KEYWRIGHT_CA"] = str(server.ca_file)
    stranger.does("login", "--url", server.url, stdin=server.admin_token + "\n")

    # The same server by another name stands for another one.
    stranger.environment["KEYWRIGHT_URL"] = server.url.replace("127.0.0.1", "localhost")

    assert "bearer token" in stranger.is_refused("status")


def test_given_projects_then_they_are_made_and_listed(person: Person) -> None:
    slug = person.folder.name.replace("_", "-")[:40].strip("-")
    made = person.reads("project", "create", slug, "--name", "A project")

    assert (made["slug"], made["name"]) == (slug, "A project")
    assert made["id"] in [item["id"] for item in person.reads("project", "list")]
    assert slug in person.does("project", "list").stdout
    assert "slug" in person.is_refused("project", "create", "Not A Slug")


def test_given_a_member_then_the_role_counts_until_it_is_taken_back(person: Person) -> None:
    secret = make_identity(person, None)
    identity = secret["identity"]
    login = {"client_id": secret["client_id"], "client_secret": secret["client_secret"]}
    answer = person.server.post("/v1/auth/universal/login", login, token=None).json()
    other = Person(person.server, person.folder, token=answer["access_token"])
    assert "no such project" in other.is_refused("pki", "certificate", "list")

    membership = person.reads("member", "add", identity, "viewer")["id"]
    other.does("pki", "certificate", "list")
    assert "No policy permits" in other.is_refused("pki", "certificate", "issue", "--common-name", "a.x")
    assert membership in person.does("member", "list").stdout

    assert person.reads("member", "remove", membership) == {"removed": membership}
    assert "no such project" in other.is_refused("pki", "certificate", "list")


def test_given_an_identity_then_its_secret_is_shown_once(person: Person) -> None:
    identity = person.reads("identity", "create", "shown-once")["id"]

    done = person.does("identity", "secret", identity)

    assert "client_secret" in done.stdout
    assert "not shown again" in done.stderr
    assert "shown-once" in person.does("identity", "list").stdout


def test_given_a_policy_then_it_governs_until_it_is_deleted(person: Person) -> None:
    text = (
        'forbid(principal, action == Action::"x509:issue", resource)\n'
        'when { context has name && context.name.value == "forbidden.example.com" };\n'
    )
    (person.folder / "policy.cedar").write_text(text)
    issue = ("pki", "certificate", "issue", "--common-name", "forbidden.example.com", "--out", "made")

    policy = person.reads("policy", "create", "no-forbidden-name", "policy.cedar")["id"]
    assert person.does("policy", "show", policy).stdout.strip() == text.strip()
    assert person.reads("policy", "show", "no-forbidden-name")["id"] == policy
    assert "no-forbidden-name" in person.does("policy", "list").stdout
    person.is_refused(*issue)

    assert person.reads("policy", "delete", "no-forbidden-name") == {"deleted": policy}
    assert "keywright policy list" in person.is_refused("policy", "delete", "no-forbidden-name")
    person.does(*issue)


def test_given_a_policy_that_is_none_then_the_sentence_says_why(person: Person) -> None:
    (person.folder / "policy.cedar").write_text("permit everything;")

    assert "text" in person.is_refused("policy", "create", "broken", "policy.cedar")


def test_given_the_status_then_what_is_open_is_told(person: Person) -> None:
    told = person.reads("status")

    assert {notice["kind"] for notice in told["notices"]} >= {"open"}
    assert "to do: there is no recovery code" in person.does("status").stdout


def test_given_the_trail_then_it_can_be_searched(person: Person) -> None:
    person.does("pki", "certificate", "issue", "--common-name", "trail.example.com", "--out", "made")

    found = person.reads("audit", "list", "--project", "default", "--action", "x509:issue", "--limit", "3")
    table = person.does("audit", "list", "--outcome", "done", "--limit", "5").stdout.splitlines()

    assert {entry["action"] for entry in found} == {"x509:issue"}
    assert len(table) == 6
    assert "outcome" in person.is_refused("audit", "list", "--outcome", "nonsense")


def test_given_commands_far_from_any_server_then_each_ends_in_a_sentence(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "KEYWRIGHT_URL": "https://127.0.0.1:1", "KEYWRIGHT_TOKEN": "kw_x"}

    done = keywright("status", env=env, cwd=tmp_path)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
