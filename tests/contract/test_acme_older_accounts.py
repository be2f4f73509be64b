"""Accounts of a release that did not keep their keys from certification: migration does, on both engines."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca_service.database.migration import VERSIONS, migrate
from ca_service.database.port import Database
from ca_service.x509.blocked_keys import key_hash
from tests.support.acme_client import AcmeClient, ClientKey
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.kernel import FakeClock
from tests.support.outside_look import fetch_rows

_OLDER = (
    "DELETE FROM x509_refused_keys",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
    "INSERT INTO alembic_version VALUES ('0010')",
)


@pytest.fixture
def url(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[str]:
    """The address of the database, which says of no revision yet that it has it."""
    if request.node.callspec.params["database"] == "sqlite":
        yield f"sqlite:///{tmp_path / 'keywright.db'}"
        return
    place: str = request.getfixturevalue("postgresql_template").url
    yield place
    run(place, "DROP TABLE alembic_version")


def run(url: str, statement: str) -> None:
    """Run one statement as a stranger would."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute(statement)
        return
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(statement.encode())


def _up_to(last: str, folder: Path) -> Path:
    """Return the revisions up to one: the tables of later ones are there already."""
    folder.mkdir()
    for file in VERSIONS.glob("*.py"):
        if file.name[: len(last)] <= last:
            shutil.copy(file, folder)
    return folder


def row_of(client: AcmeClient) -> tuple[str, bytes]:
    """Return what is kept of an account's key."""
    return (client.kid or "").rpartition("/")[2], key_hash(client.key.private_key.public_key())


def test_the_keys_of_accounts_opened_before_are_kept_from_being_certified(
    runner: asyncio.Runner, database: Database, clock: FakeClock, url: str, tmp_path: Path
) -> None:
    stack = AcmeStack(runner, database, clock)
    keys = (
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    )
    clients = [stack.account(key=ClientKey(key)) for key in keys]
    written_today = fetch_rows(url, "SELECT * FROM x509_refused_keys ORDER BY id")
    for statement in _OLDER:
        run(url, statement)
    assert migrate(url, versions=_up_to("0011", tmp_path / "versions"))
    kept = fetch_rows(url, "SELECT holder, key_hash FROM x509_refused_keys ORDER BY id")
    assert sorted(kept) == sorted(row_of(client) for client in clients)
    assert fetch_rows(url, "SELECT * FROM x509_refused_keys ORDER BY id") == written_today
