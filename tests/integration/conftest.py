"""Fixtures of the integration tests: a real server, once on each database."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.client_world import ClientWorld, running_client_world
from tests.support.first_start import started_database
from tests.support.postgresql import PostgresqlCluster
from tests.support.server import Server, running_server


@pytest.fixture(scope="session")
def fresh_postgresql(postgresql_cluster: PostgresqlCluster) -> Callable[[], str]:
    """Return what makes an empty PostgreSQL database and returns its URL."""
    made: list[str] = []

    def make() -> str:
        made.append(f"integration_{len(made)}")
        return postgresql_cluster.create_database(made[-1])

    return make


@pytest.fixture(scope="session")
def started_postgresql(postgresql_cluster: PostgresqlCluster) -> Callable[[], str]:
    """Return what makes a PostgreSQL database in which the first start is done, and returns its URL."""
    made: list[str] = []

    def make() -> str:
        made.append(f"started_{len(made)}")
        return started_database(postgresql_cluster, made[-1])

    return make


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The URL of a database for one server; None is the embedded default."""
    if request.param == "sqlite":
        return None
    make: Callable[[], str] = request.getfixturevalue("started_postgresql")
    return make()


@pytest.fixture(scope="module")
def either_server(tmp_path_factory: pytest.TempPathFactory, database_url: str | None) -> Iterator[Server]:
    """A server for a whole module of tests, on SQLite and on PostgreSQL."""
    with running_server(tmp_path_factory.mktemp("either-server"), database_url) as server:
        yield server


@pytest.fixture(scope="module")
def either_database(either_server: Server, database_url: str | None) -> str:
    """The URL of that server's database, for looking at it from outside."""
    return database_url or f"sqlite:///{either_server.data / 'keywright.db'}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


@pytest.fixture(scope="session")
def sqlite_client_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    """Two workers on SQLite for all tests of real clients."""
    with running_client_world(tmp_path_factory.mktemp("clients-sqlite"), None) as world:
        yield world


@pytest.fixture(scope="session")
def postgresql_client_world(
    tmp_path_factory: pytest.TempPathFactory, started_postgresql: Callable[[], str]
) -> Iterator[ClientWorld]:
    """Two workers on PostgreSQL for all tests of real clients."""
    folder = tmp_path_factory.mktemp("clients-postgresql")
    with running_client_world(folder, started_postgresql()) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def client_world(request: pytest.FixtureRequest) -> ClientWorld:
    """What a real client meets, on SQLite and on PostgreSQL; servers are shared by all such tests."""
    world: ClientWorld = request.getfixturevalue(f"{request.param}_client_world")
    return world
