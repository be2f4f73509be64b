"""The schema is brought up to date by whoever comes first, all or nothing, and never backwards."""

import asyncio
import contextlib
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ca_service.config import ConfigError
from ca_service.database.errors import MigrationError
from ca_service.database.migration import current_revision, head_revision, migrate
from tests.support.postgresql import PostgresqlCluster

_FIRST = '''"""Things."""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table("things", sa.Column("id", sa.Text(), primary_key=True))
'''
_SECOND = '''"""Colours."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Add the column."""
    with op.batch_alter_table("things") as batch:
        batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="red"))
'''
_BROKEN = '''"""Broken halfway."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Make a table, then fail."""
    op.create_table("half", sa.Column("id", sa.Text(), primary_key=True))
    op.execute("INSERT INTO nowhere VALUES (1)")
'''


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "0001_things.py").write_text(_FIRST, encoding="utf-8")
    return folder


@pytest.fixture
def second(versions: Path) -> Path:
    (versions / "0002_colours.py").write_text(_SECOND, encoding="utf-8")
    return versions


@pytest.fixture
def broken(second: Path) -> Path:
    (second / "0003_broken.py").write_text(_BROKEN, encoding="utf-8")
    return second


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a single table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
    url = cluster.create_database("migrated")
    yield url
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE migrated WITH (FORCE)")


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement as a stranger would."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(statement).fetchall()
    with psycopg.connect(url, autocommit=True) as session:
        cursor = session.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_an_empty_database_has_no_revision(empty_url: str) -> None:
    assert current_revision(empty_url) is None


def test_an_empty_database_is_brought_to_the_head(empty_url: str, second: Path) -> None:
    assert migrate(empty_url, versions=second)
    assert current_revision(empty_url) == head_revision(second) == "0002"
    run(empty_url, "INSERT INTO things (id) VALUES ('a')")
    assert run(empty_url, "SELECT id, colour FROM things") == [("a", "red")]


def test_an_older_database_keeps_its_rows(empty_url: str, versions: Path) -> None:
    migrate(empty_url, versions=versions)
    run(empty_url, "INSERT INTO things VALUES ('a')")
    (versions / "0002_colours.py").write_text(_SECOND, encoding="utf-8")

    assert migrate(empty_url, versions=versions)
    assert run(empty_url, "SELECT id, colour FROM things") == [("a", "red")]


def test_a_database_at_the_head_is_left_alone(empty_url: str, versions: Path) -> None:
    migrate(empty_url, versions=versions)
    assert not migrate(empty_url, versions=versions)


def test_a_migration_that_fails_halfway_changes_nothing(empty_url: str, second: Path) -> None:
    migrate(empty_url, versions=second)
    (second / "0003_broken.py").write_text(_BROKEN, encoding="utf-8")

    with pytest.raises(MigrationError, match="nowhere"):
        migrate(empty_url, versions=second)
    assert current_revision(empty_url) == "0002"
    with pytest.raises((sqlite3.OperationalError, psycopg.errors.UndefinedTable)):
        run(empty_url, "SELECT 1 FROM half")


def test_a_series_that_fails_at_its_end_changes_nothing(empty_url: str, broken: Path) -> None:
    with pytest.raises(MigrationError):
        migrate(empty_url, versions=broken)
    assert current_revision(empty_url) is None


def test_a_database_of_a_newer_release_is_refused(empty_url: str, second: Path) -> None:
    migrate(empty_url, versions=second)
    (second / "0002_colours.py").unlink()
    with pytest.raises(ConfigError, match="newer Keywright"):
        migrate(empty_url, versions=second)


async def test_processes_that_start_together_migrate_once(empty_url: str, second: Path) -> None:
    answers = await asyncio.gather(
        *(asyncio.to_thread(migrate, empty_url, versions=second) for _ in range(3)), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert current_revision(empty_url) == "0002"


def test_looking_at_a_database_at_the_head_needs_no_alembic() -> None:
    assert "alembic.command" not in sys.modules


def test_two_ends_are_refused(second: Path) -> None:
    shutil.copy(second / "0002_colours.py", second / "0003_other.py")
    other = second / "0003_other.py"
    other.write_text(_SECOND.replace('"0002"', '"0003"'), encoding="utf-8")
    with pytest.raises(MigrationError, match="several ends"):
        head_revision(second)


def test_a_file_that_is_no_database_is_named(tmp_path: Path, versions: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to look at" * 100, encoding="utf-8")
    with pytest.raises(MigrationError, match=r"notes\.txt"):
        migrate(f"sqlite:///{file}", versions=versions)


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path, versions: Path) -> None:
    with pytest.raises(MigrationError) as refusal:
        migrate(f"postgresql://ca:hunter2@/keywright?host={tmp_path}", versions=versions)
    assert "hunter2" not in str(refusal.value)
