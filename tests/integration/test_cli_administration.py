"""`keywright admin` and `keywright identity lockouts|unlock`, against a running server on both databases."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.person import Person
from tests.support.server import Server


@pytest.fixture
def person(either_server: Server, tmp_path: Path) -> Person:
    return Person(either_server, tmp_path)


def log_in(person: Person, client_id: str, client_secret: str) -> int:
    body = {"client_id": client_id, "client_secret": client_secret}
    return person.server.post("/v1/auth/universal/login", body, token=None).status


def test_given_three_wrong_secrets_then_the_right_one_opens_after_unlocking(person: Person) -> None:
    identity = person.reads("identity", "create", "robot")["id"]
    secret: dict[str, Any] = person.reads("identity", "secret", identity)
    for _ in range(3):
        assert log_in(person, identity, "guess") == 401

    assert log_in(person, identity, secret["client_secret"]) == 401
    [shown] = person.reads("identity", "lockouts", identity)
    assert (shown["source"], shown["failures"]) == ("127.0.0.1/32", 3)
    assert shown["locked_until"] is not None
    person.does("identity", "unlock", identity, "--source", shown["source"])
    assert log_in(person, identity, secret["client_secret"]) == 200


def test_given_another_administrator_then_the_status_speaks_of_the_bootstrap_token(person: Person) -> None:
    identity = person.reads("identity", "create", "boss")["id"]
    assert "disable-token" not in person.does("status").stdout

    made = person.reads("admin", "grant", identity)

    assert [one["identity"] for one in person.reads("admin", "list")] == [identity]
    assert "end it with `keywright admin disable-token`" in person.does("status").stdout
    person.does("admin", "withdraw", made["id"])
    assert person.reads("admin", "list") == []
