"""Accepted time reaches every process of one database (S23)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ca_service.database.port import Database, Transaction
from tests.support.databases import PostgresqlTemplate, SqliteTemplate, open_postgresql, open_sqlite
from tests.support.fakes.kernel import FakeClock

HOUR = timedelta(hours=1)


async def commit(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        del transaction

    await database.begin(work)


async def accept(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await database.accept_clock(transaction)

    await database.begin(work)


@pytest.fixture
def on_sqlite(
    runner: asyncio.Runner, sqlite_template: SqliteTemplate, tmp_path: Path, clock: FakeClock
) -> Iterator[list[Database]]:
    file = sqlite_template.copy_to(tmp_path)
    databases: list[Database] = [runner.run(open_sqlite(file, clock)) for _ in range(3)]
    yield databases
    for database in databases:
        runner.run(database.close())


@pytest.fixture
def on_postgresql(
    runner: asyncio.Runner, postgresql_template: PostgresqlTemplate, clock: FakeClock
) -> Iterator[list[Database]]:
    url = postgresql_template.empty()
    databases: list[Database] = [runner.run(open_postgresql(url, clock)) for _ in range(2)]
    yield databases
    for database in databases:
        runner.run(database.close())


async def test_on_sqlite_others_hear_of_it_when_they_ask(on_sqlite: list[Database], clock: FakeClock) -> None:
    first, second, third = on_sqlite
    for database in on_sqlite:
        await commit(database)
    clock.set_back(HOUR)
    assert second.clock_doubt() is not None
    await accept(first)
    assert second.clock_doubt() is None
    assert third.clock_doubt() is None


async def test_on_sqlite_who_commits_with_the_old_time_does_not_bring_it_back(
    on_sqlite: list[Database], clock: FakeClock
) -> None:
    first, second, third = on_sqlite
    for database in on_sqlite:
        await commit(database)
    clock.set_back(HOUR)
    await accept(first)
    await commit(second)
    await commit(third)
    await commit(first)
    assert {database.now() for database in on_sqlite} == {clock.now()}


async def test_on_postgresql_others_hear_of_it_from_the_server(
    on_postgresql: list[Database], clock: FakeClock
) -> None:
    first, second = on_postgresql
    assert first.now() == second.now()
    clock.set_back(HOUR)
    assert second.clock_doubt() is not None
    await accept(first)
    clock.advance(timedelta(seconds=11))
    async with asyncio.timeout(20):
        while second.clock_doubt() is not None:
            await asyncio.sleep(0.02)
