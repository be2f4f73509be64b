"""How tests are run here. Write `async def test_…`; ask for `database`; no decorator is needed.

Each test has one event loop of its own, made on first use by the fixture `runner` (an `asyncio.Runner`).
A test that is a coroutine runs on that loop, and fixtures that need the loop use it too:

    async def test_a_row_is_found_again(database: Database) -> None:      # runs on SQLite and on PostgreSQL
        await database.begin(lambda transaction: transaction.execute(INSERT, id="a"))
        assert await database.read_one(FIND, id="a") == ("a",)

    @pytest.fixture
    def custody(runner: asyncio.Runner, sqlite_database: Database) -> Iterator[Custody]:
        opened = runner.run(Custody.open(sqlite_database, …))             # an async fixture, without magic
        yield opened
        runner.run(opened.close())

`database` is an empty database with every table of every package, once per engine; `sqlite_database` only the
embedded one (for unit tests that are not about the database). Both take their time from the fixture `clock`:
`clock.advance(timedelta(hours=1))` moves `database.now()` as well. `identifiers` and `randomness` are the
other two fakes. A synchronous test (Hypothesis, say) may ask for `runner` and call `runner.run(coroutine())`.

Tests below tests/contract get both engines by asking for `database`; keep one reason to fail per test.
"""

import asyncio
import inspect
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_service.database.port import Database
from tests.support.databases import PostgresqlTemplate, SqliteTemplate, open_postgresql, open_sqlite
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers, FakeRandomness
from tests.support.memory_folder import make_memory_folder
from tests.support.postgresql import PostgresqlCluster
from tests.support.target_postgresql import TargetServer

_TEST_SECONDS = 60
_LONG = Path(__file__).parent / "integration"


_MEMORY_FOLDER = pytest.StashKey[Path]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have tests write to memory where there is enough of it, unless `--basetemp` says where."""
    if hasattr(config, "workerinput") or config.option.basetemp is not None:
        return
    folder = make_memory_folder()
    if folder is not None:
        config.stash[_MEMORY_FOLDER] = folder
        config.option.basetemp = str(folder / "tests")
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep the folder for whoever looks into what failed."""
    if exitstatus != pytest.ExitCode.OK:
        session.config.stash[_MEMORY_FOLDER] = Path()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder in memory."""
    folder = config.stash.get(_MEMORY_FOLDER, Path())
    if folder != Path():
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes minutes first, so that the thousands of short tests fill both cores at the end."""
    items.sort(key=lambda item: _LONG not in item.path.parents)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on its own loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    runner = pyfuncitem.funcargs["runner"]
    assert isinstance(runner, asyncio.Runner)

    async def run() -> None:
        async with asyncio.timeout(_TEST_SECONDS):
            await pyfuncitem.obj(**arguments)

    runner.run(run())
    return True


@pytest.fixture(autouse=True)
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for the whole test; nothing is made until it is used."""
    with asyncio.Runner() as loop_runner:
        yield loop_runner


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def identifiers() -> FakeIdentifiers:
    return FakeIdentifiers()


@pytest.fixture
def randomness() -> FakeRandomness:
    return FakeRandomness()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite-template"))


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    cluster = PostgresqlCluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def target_server() -> Iterator[TargetServer]:
    """Another server: the one in which dynamic secrets make accounts."""
    server = TargetServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_cluster: PostgresqlCluster) -> Iterator[PostgresqlTemplate]:
    template = PostgresqlTemplate(postgresql_cluster)
    yield template
    template.close()


@pytest.fixture
def sqlite_database(
    runner: asyncio.Runner, sqlite_template: SqliteTemplate, tmp_path: Path, clock: FakeClock
) -> Iterator[Database]:
    opened = runner.run(open_sqlite(sqlite_template.copy_to(tmp_path), clock))
    yield opened
    runner.run(opened.close())


@pytest.fixture
def postgresql_database(
    runner: asyncio.Runner, postgresql_template: PostgresqlTemplate, clock: FakeClock
) -> Iterator[Database]:
    opened = runner.run(open_postgresql(postgresql_template.empty(), clock))
    yield opened
    runner.run(opened.close())


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened
