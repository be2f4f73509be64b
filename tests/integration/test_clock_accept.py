"""`keywright clock accept`: a service that was ahead of its time issues again once it is told to (S23)."""

import sqlite3
import time
from pathlib import Path

import psycopg

from tests.support.command_line import keywright
from tests.support.first_start import copy_first_start
from tests.support.person import Person
from tests.support.server import Server, running_server

_AHEAD = "UPDATE database_clock SET at = at + 7200000000"
_WANTED = {"profile": "server", "dns_names": ["a.example.com"]}
_PATIENCE_SECONDS = 30.0


def go_ahead(folder: Path, database_url: str | None) -> None:
    """Have the database say that it saw a time two hours from now."""
    if database_url is None:
        with sqlite3.connect(folder / "data" / "keywright.db") as connection:
            assert connection.execute(_AHEAD).rowcount == 1
        connection.close()
        return
    with psycopg.connect(database_url) as session:
        # Kept by the listener every ten seconds; a service that just began has kept nothing yet.
        session.execute(
            "INSERT INTO database_clock (id, at) VALUES (1, (extract(epoch FROM now()) * 1000000)::bigint) "
            "ON CONFLICT DO NOTHING"
        )
        assert session.execute(_AHEAD.encode()).rowcount == 1


def issue(server: Server) -> int:
    return server.post("/v1/projects/default/x509/certificates", _WANTED).status


def issues_again(server: Server) -> bool:
    """Tell whether it issues before patience ends; other processes hear of it within ten seconds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (status := issue(server)) == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    return status == 201


def test_given_a_clock_two_hours_behind_then_nothing_is_issued_until_it_is_accepted(
    tmp_path: Path, database_url: str | None
) -> None:
    place = ["--data", str(tmp_path / "data"), *(["--database", database_url] if database_url else [])]
    copy_first_start(tmp_path / "data", database_url)
    go_ahead(tmp_path, database_url)

    with running_server(tmp_path, database_url, args=["--workers", "2"]) as server:
        assert issue(server) == 503
        told = Person(server, tmp_path).does("status").stdout
        accepted = keywright("clock", "accept", *place)
        assert issues_again(server), server.log

    assert "behind a time that was signed or recorded already" in told
    assert (accepted.returncode, "the time is" in accepted.stderr) == (0, True), accepted.stderr
