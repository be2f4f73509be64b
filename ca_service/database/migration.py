"""Brings the schema up to date: a plain look first, and only if needed Alembic, in a process of its own.

The process keeps Alembic and its imports out of the server's memory. It is told the URL on its standard
input, since arguments and environments of processes can be seen by others.
"""

import contextlib
import fcntl
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

import ca_service
import migrations
from ca_service.config import ConfigError, environment
from ca_service.database.errors import MigrationError
from ca_service.database.sqlite_connection import refuse_network_filesystem
from ca_service.database.url import PostgresqlUrl, SqliteUrl, parse_database_url

_LOG = logging.getLogger(__name__)

SCRIPTS = Path(next(iter(migrations.__path__)))
VERSIONS = SCRIPTS / "versions"
_READ_REVISION = "SELECT version_num FROM alembic_version"
_REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_DOWN_REVISION = re.compile(r"^down_revision\b[^=\n]*=\s*(?:None|[\"']([^\"']+)[\"'])", re.MULTILINE)
_MIGRATION_SECONDS = 3600
#: The key of the advisory lock that one migrating process holds: the bytes "keywrigh".
_ADVISORY_KEY = int.from_bytes(b"keywrigh", "big", signed=True)
_CONNECT_SECONDS = 5


class _Order(msgspec.Struct):
    """What the process is told on its standard input."""

    url: str
    versions: str


def head_revision(versions: Path = VERSIONS) -> str | None:
    """Return the newest revision this release knows; None if there is none. Raises MigrationError."""
    known, followed = _read_revisions(versions)
    heads = known - followed
    if len(heads) > 1:
        raise MigrationError(
            f"the migrations have several ends ({sorted(heads)}): there must be one line of them"
        )
    return next(iter(heads), None)


def current_revision(url: str) -> str | None:
    """Return the revision of the database; None if it is empty or not there yet. Raises MigrationError."""
    place = parse_database_url(url)
    return _revision_of_file(place) if isinstance(place, SqliteUrl) else _revision_of_server(place)


def migrate(url: str, *, versions: Path = VERSIONS) -> bool:
    """Bring the database to this release's schema, and tell whether anything had to be done.

    Processes that start together wait for one another. Raises MigrationError with a sentence that says what
    to do, and ConfigError for a database that a newer release has migrated.
    """
    head, current = head_revision(versions), current_revision(url)
    if current == head:
        return False
    _refuse_newer(current, versions)
    _LOG.info("migrating the database from %s to %s", current or "empty", head)
    order = msgspec.json.encode(_Order(url, str(versions)))
    # The package may be found by a path that only this process has.
    path = os.pathsep.join([str(Path(ca_service.__file__).parent.parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "ca_service.database.migration"],
        input=order,
        env={**environment(), "PYTHONPATH": path},
        capture_output=True,
        check=False,
        timeout=_MIGRATION_SECONDS,
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise MigrationError(
            f"the migration failed and changed nothing: {lines[-1] if lines else 'no reason given'}"
        )
    return True


def _read_revisions(versions: Path) -> tuple[set[str], set[str]]:
    known: set[str] = set()
    followed: set[str] = set()
    for file in versions.glob("[!_]*.py"):
        text = file.read_text(encoding="utf-8")
        revision, down = _REVISION.search(text), _DOWN_REVISION.search(text)
        if revision is None or down is None:
            raise MigrationError(f"{file} names no revision and no down_revision")
        known.add(revision[1])
        if down[1]:
            followed.add(down[1])
    return known, followed


def _refuse_newer(current: str | None, versions: Path) -> None:
    if current is not None and current not in _read_revisions(versions)[0]:
        raise ConfigError(
            f"the database is at revision {current}, which a newer Keywright made: run that release"
        )


def _revision_of_file(place: SqliteUrl) -> str | None:
    if not place.path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(place.path, timeout=5)) as connection:
            row = connection.execute(_READ_REVISION).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise MigrationError(f"cannot read {place.path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise MigrationError(f"{place.path} is not a SQLite database: {error}") from error
    return None if row is None else str(row[0])


def _revision_of_server(place: PostgresqlUrl) -> str | None:
    import psycopg

    try:
        with psycopg.connect(place.conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            row = connection.execute(_READ_REVISION).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error:
        raise MigrationError(f"the database {place.shown} does not answer; is it running?") from None
    return None if row is None else str(row[0])


def _upgrade(order: _Order) -> None:
    """Run Alembic; only in the process that `migrate` starts."""
    place = parse_database_url(order.url)
    with _locked_file(place) if isinstance(place, SqliteUrl) else _locked_server(place):
        if current_revision(order.url) != head_revision(Path(order.versions)):
            from migrations.run import upgrade

            upgrade(place, Path(order.versions))


@contextlib.contextmanager
def _locked_file(place: SqliteUrl) -> Iterator[None]:
    """Hold the lock that running services take around their transactions too."""
    refuse_network_filesystem(place.path)
    descriptor = os.open(f"{place.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.close(os.open(place.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked_server(place: PostgresqlUrl) -> Iterator[None]:
    import psycopg

    with psycopg.connect(place.conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
        connection.execute("SET lock_timeout = '10min'")
        connection.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_KEY,))
        yield


def main() -> int:
    """Read the order from the standard input and carry it out; the last line of stderr is the reason."""
    try:
        _upgrade(msgspec.json.decode(sys.stdin.buffer.read(), type=_Order))
    except (MigrationError, ConfigError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
