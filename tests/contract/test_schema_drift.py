"""The revisions make exactly the tables that the packages declare, on both engines."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ca_service.database.migration import migrate
from tests.support.postgresql import PostgresqlCluster

_ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'migrated.db'}"
        migrate(url)
        yield url
        return
    cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
    url = cluster.create_database("drift")
    migrate(url)
    yield url
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE drift WITH (FORCE)")


def test_the_migrated_schema_is_the_declared_one(migrated_url: str) -> None:
    # In a process of its own, so that Alembic's imports stay out of this one.
    done = subprocess.run(
        [sys.executable, "-m", "migrations.drift"],
        input=migrated_url,
        capture_output=True,
        text=True,
        check=False,
        cwd=_ROOT,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
