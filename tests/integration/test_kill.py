"""`kill -9` under load loses nothing that was answered, and one flipped byte in the trail is named."""

import json
import random
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from ca_service.audit.verify import verify_trail
from ca_service.composition import World, open_foundation
from ca_service.config import load_config
from tests.support.bad_requests import SSH, X509
from tests.support.command_line import keywright
from tests.support.openssl import make_csr
from tests.support.server import Server, running_server

_WANTED = 200
_CLIENTS = 4


class _Load:
    """Clients that issue until the server dies, keeping every answer they received."""

    def __init__(self, csr: str, public_key: str) -> None:
        self.x509_serials: list[str] = []
        self.ssh_serials: list[str] = []
        self._csr = csr
        self._public_key = public_key

    @property
    def received(self) -> int:
        return len(self.x509_serials) + len(self.ssh_serials)

    def run_until_killed(self, server: Server, answers: int) -> None:
        """Load the server from several threads and kill it once about `answers` more came back."""
        enough = self.received + answers
        stop = threading.Event()
        threads = [threading.Thread(target=self._issue, args=(server, n, stop)) for n in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        while self.received < enough and server.process.poll() is None:
            threads[0].join(0.001)
        server.process.send_signal(signal.SIGKILL)
        stop.set()
        server.process.wait(20)
        for thread in threads:
            thread.join(40)

    def _issue(self, server: Server, number: int, stop: threading.Event) -> None:
        ssh = {"profile": "user", "public_key": self._public_key, "principals": ["ops"]}
        while not stop.is_set():
            try:
                if number % 2:
                    answer = server.post(SSH, ssh)
                else:
                    answer = server.post(X509, {"profile": "server", "csr": self._csr})
            except (OSError, HTTPException):
                continue  # the server died under this request
            assert answer.status == 201, answer.body
            kept = self.ssh_serials if number % 2 else self.x509_serials
            kept.append(answer.json()["serial_number"])


def test_kill_9_at_random_points_loses_nothing_that_was_answered(
    tmp_path: Path, database_url: str | None
) -> None:
    _, csr = make_csr(tmp_path, "kill.example.com")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    load = _Load(csr.read_text(), (tmp_path / "key.pub").read_text().strip())
    dice = random.Random(20)
    while load.received < _WANTED:
        with running_server(tmp_path, database_url) as server:
            load.run_until_killed(server, dice.randint(10, 60))

    with running_server(tmp_path, database_url) as server:
        x509 = [item["serial_number"] for item in _all_items(server, X509)]
        ssh = [item["serial_number"] for item in _all_items(server, SSH)]
    assert set(load.x509_serials) <= set(x509)
    assert set(load.ssh_serials) <= set(ssh)
    assert len(x509) == len(set(x509))
    assert len(ssh) == len(set(ssh))
    assert len(load.ssh_serials) == len(set(load.ssh_serials))
    _verify_trail(tmp_path, database_url)


def _all_items(server: Server, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = server.get(f"{path}?limit=1000{cursor}").json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


def _verify_trail(tmp_path: Path, database_url: str | None) -> "subprocess.CompletedProcess[str]":
    database = ["--database", database_url] if database_url else []
    done = keywright("audit", "verify", "--data", str(tmp_path / "data"), *database)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """A stopped server's data, with a trail of some dozens of entries."""
    with running_server(tmp_path) as server:
        for number in range(20):
            server.post(X509, {"profile": "server", "dns_names": [f"a{number}.example.com"]})
            server.get(X509)
    return tmp_path / "data"


async def test_one_flipped_byte_in_any_row_of_the_trail_is_named(trail: Path) -> None:
    file = trail / "keywright.db"
    foundation = await open_foundation(
        load_config(None, {"data": str(trail)}, {}), World("https://localhost", "http://localhost")
    )
    unnoticed = []
    try:
        for column, rowid, entry_id, value, flipped in _flips(file, random.Random(7)):
            _write(file, column, rowid, flipped)
            report = await verify_trail(foundation.database, foundation.custody)
            _write(file, column, rowid, value)
            # An entry whose own name or number was changed is named by what is left of it.
            is_named = report.fault is not None and (
                entry_id == report.fault.entry_id or column in {"id", "seq"}
            )
            if not is_named:
                unnoticed.append(f"{column} of {entry_id}: {report}")
        assert (await verify_trail(foundation.database, foundation.custody)).is_intact
    finally:
        await foundation.database.close()
    assert not unnoticed, "\n".join(unnoticed)


def test_the_command_names_the_changed_entry_and_exits_1(trail: Path) -> None:
    _verify_trail(trail.parent, None)
    file = trail / "keywright.db"
    _, rowid, entry_id, _, _ = next(_flips(file, random.Random(3)))
    _write(file, "action", rowid, "x509:forged")
    done = keywright("audit", "verify", "--data", str(trail))
    assert done.returncode == 1
    assert entry_id in done.stderr


def test_a_removed_entry_is_named(trail: Path) -> None:
    with closing(sqlite3.connect(trail / "keywright.db")) as connection:
        seq = connection.execute("SELECT max(seq) / 2 FROM audit_entries").fetchone()[0]
        connection.execute("DELETE FROM audit_entries WHERE seq = ?", (seq,))
        connection.commit()
    done = keywright("audit", "verify", "--json", "--data", str(trail))
    assert done.returncode == 1
    assert json.loads(done.stdout)["fault"]["seq"] == seq


def _flips(file: Path, dice: random.Random) -> Iterator[tuple[str, int, str, Any, Any]]:
    """Yield (column, row, entry, value, value with one byte flipped): three rows for each column."""
    with closing(sqlite3.connect(file)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(audit_entries)")]
        for column in columns:
            rows = connection.execute(
                f"SELECT rowid, id, {column} FROM audit_entries WHERE seq IS NOT NULL "
                f"AND {column} IS NOT NULL AND {column} <> ''"
            ).fetchall()
            for rowid, entry_id, value in dice.sample(rows, min(3, len(rows))):
                yield column, rowid, entry_id, value, _flip(value, dice)


def _flip(value: Any, dice: random.Random) -> Any:
    if isinstance(value, int):
        return value ^ 1 << 20
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    raw[dice.randrange(len(raw))] ^= 1
    return bytes(raw) if isinstance(value, bytes) else raw.decode("latin-1")


def _write(file: Path, column: str, rowid: int, value: Any) -> None:
    with closing(sqlite3.connect(file, timeout=10)) as connection:
        connection.execute(f"UPDATE audit_entries SET {column} = ? WHERE rowid = ?", (value, rowid))
        connection.commit()
