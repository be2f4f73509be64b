"""PostgreSQL when things go wrong: the server restarts, is not there, or refuses a session."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import BigInteger, Text, bindparam, cast, func, insert, select

from ca_service.database.open import open_database
from ca_service.database.port import Transaction
from ca_service.database.postgresql import PostgresqlDatabase
from ca_service.database.postgresql_transaction import PostgresqlTransaction
from ca_service.database.postgresql_wire import Command
from ca_service.database.statement import statement
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.errors import KeywrightError, UnavailableError
from ca_service.queue.storage import LEASES
from tests.support.databases import PostgresqlTemplate, open_postgresql
from tests.support.fakes.kernel import FakeClock
from tests.support.postgresql import PostgresqlCluster

INSERT = statement(insert(LEASES).values(name=bindparam("name"), owner="o", held_until=0))
SYNCHRONOUS_COMMIT = statement(select(func.current_setting("synchronous_commit", type_=Text())))
LIST = statement(select(LEASES.c.name).order_by(LEASES.c.name))
NUMBER = statement(select(cast(bindparam("text", type_=Text), BigInteger)))
SLEEP = statement(select(cast(func.pg_sleep(bindparam("seconds", type_=BigInteger)), Text)))


async def add(database: PostgresqlDatabase, name: str) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name=name)

    await database.begin(work)


async def hint_of(database: PostgresqlDatabase) -> int:
    """Return the hint once the listener hears."""
    while (hint := database.change_hint()) is None:
        await asyncio.sleep(0.01)
    return hint


@pytest.fixture
def running_cluster(postgresql_cluster: PostgresqlCluster) -> Iterator[PostgresqlCluster]:
    """The cluster of all tests, which is running again afterwards."""
    yield postgresql_cluster
    postgresql_cluster.stop()
    postgresql_cluster.start()


async def test_after_a_restart_of_the_server_service_returns_by_itself(
    postgresql_database: PostgresqlDatabase, running_cluster: PostgresqlCluster
) -> None:
    await asyncio.gather(*(add(postgresql_database, f"before-{number}") for number in range(4)))

    running_cluster.stop()
    with pytest.raises(UnavailableError):
        await postgresql_database.read(LIST)
    with pytest.raises(UnavailableError):
        await add(postgresql_database, "meanwhile")
    with pytest.raises(UnavailableError):
        await postgresql_database.append(INSERT, name="meanwhile")
    running_cluster.start()

    await add(postgresql_database, "after")
    names = [row[0] for row in await postgresql_database.read(LIST)]
    assert names == ["after", *(f"before-{number}" for number in range(4))]


async def test_while_nobody_listens_there_is_no_hint(
    postgresql_database: PostgresqlDatabase, running_cluster: PostgresqlCluster
) -> None:
    await hint_of(postgresql_database)
    running_cluster.stop()
    while postgresql_database.change_hint() is not None:
        await asyncio.sleep(0.01)


async def test_what_was_announced_while_nobody_listened_is_not_missed(
    postgresql_database: PostgresqlDatabase, running_cluster: PostgresqlCluster
) -> None:
    before = await hint_of(postgresql_database)
    running_cluster.stop()
    while postgresql_database.change_hint() is not None:
        await asyncio.sleep(0.01)
    running_cluster.start()
    assert await hint_of(postgresql_database) != before


async def test_a_hint_grows_stale_with_the_clock(
    postgresql_database: PostgresqlDatabase, clock: FakeClock
) -> None:
    await hint_of(postgresql_database)
    clock.advance(timedelta(seconds=2))
    assert postgresql_database.change_hint() is None


async def test_another_process_s_announcement_changes_the_hint(
    postgresql_database: PostgresqlDatabase, postgresql_template: PostgresqlTemplate, clock: FakeClock
) -> None:
    before = await hint_of(postgresql_database)
    other = await open_postgresql(postgresql_template.url, clock)

    async def announce(transaction: Transaction) -> None:
        transaction.announce()

    await other.begin(announce)
    await other.close()
    while await hint_of(postgresql_database) == before:
        await asyncio.sleep(0.01)


async def test_a_session_that_the_server_ends_costs_one_answer(
    postgresql_database: PostgresqlDatabase,
) -> None:
    async def work(transaction: Transaction) -> None:
        assert isinstance(transaction, PostgresqlTransaction)
        await transaction.execute(INSERT, name="a")
        backend = transaction._session.connection.pgconn.backend_pid
        await asyncio.to_thread(_terminate, postgresql_database, backend)
        await transaction.execute(INSERT, name="b")

    with pytest.raises(UnavailableError):
        await postgresql_database.begin(work)
    await add(postgresql_database, "c")
    assert await postgresql_database.read(LIST) == [("c",)]


def _terminate(database: PostgresqlDatabase, backend: int) -> None:
    with psycopg.connect(database._sessions._place.conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


async def test_more_callers_than_sessions_wait_in_line(postgresql_database: PostgresqlDatabase) -> None:
    await asyncio.gather(*(add(postgresql_database, f"row-{number:02}") for number in range(40)))
    assert len(await postgresql_database.read(LIST)) == 40
    assert postgresql_database._sessions._size <= 4


async def test_sessions_commit_to_the_disk_whatever_the_server_s_default(
    postgresql_template: PostgresqlTemplate, postgresql_cluster: PostgresqlCluster, clock: FakeClock
) -> None:
    with psycopg.connect(postgresql_template.url, autocommit=True) as connection:
        connection.execute("ALTER ROLE keywright SET synchronous_commit = off")
    opened = await open_postgresql(postgresql_template.url, clock)
    try:
        row = await opened.read_one(SYNCHRONOUS_COMMIT)
    finally:
        await opened.close()
        with psycopg.connect(postgresql_template.url, autocommit=True) as connection:
            connection.execute("ALTER ROLE keywright RESET synchronous_commit")
    assert row == ("on",)


async def test_time_is_the_server_s(postgresql_template: PostgresqlTemplate) -> None:
    clock = FakeClock(datetime(2020, 1, 1, tzinfo=UTC))
    opened = await open_database(postgresql_template.url, clock)
    try:
        assert abs(opened.now() - SystemClock().now()) < timedelta(minutes=1)
    finally:
        await opened.close()


async def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://ca:hunter2@/keywright?host={tmp_path}"
    with pytest.raises(UnavailableError, match="postgresql:///keywright") as refusal:
        await open_database(url, SystemClock())
    assert "hunter2" not in str(refusal.value)


async def test_a_transaction_that_the_server_gave_up_is_not_answered(
    postgresql_database: PostgresqlDatabase,
) -> None:
    async def work(transaction: Transaction) -> None:
        assert isinstance(transaction, PostgresqlTransaction)
        await transaction.execute(INSERT, name="a")
        with contextlib.suppress(psycopg.Error):
            await transaction._session.run([Command(("SELECT 1/0", ()), [])])

    with pytest.raises(UnavailableError):
        await postgresql_database.begin(work)
    assert await postgresql_database.read(LIST) == []


async def test_a_read_that_fails_takes_no_other_with_it(postgresql_database: PostgresqlDatabase) -> None:
    await add(postgresql_database, "a")
    first, bad, last = await asyncio.gather(
        postgresql_database.read(LIST),
        postgresql_database.read(NUMBER, text="none"),
        postgresql_database.read(LIST),
        return_exceptions=True,
    )
    assert first == last == [("a",)]
    assert isinstance(bad, KeywrightError)


async def test_a_reader_that_gave_up_leaves_its_session_to_others(
    postgresql_template: PostgresqlTemplate, clock: FakeClock
) -> None:
    postgresql_template.empty()
    opened = await open_postgresql(postgresql_template.url, clock, connections=1)
    slow = asyncio.create_task(opened.read(SLEEP, seconds=1))
    while not opened._sessions._open:
        await asyncio.sleep(0)
    while all(session.is_quiet for session in opened._sessions._open):
        await asyncio.sleep(0)
    slow.cancel()

    await add(opened, "a")
    assert opened._sessions._size == 1
    await opened.close()


async def test_a_reader_at_the_end_is_told(postgresql_template: PostgresqlTemplate, clock: FakeClock) -> None:
    opened = await open_postgresql(postgresql_template.url, clock)
    slow = asyncio.create_task(opened.read(SLEEP, seconds=20))
    while not opened._sessions._open:
        await asyncio.sleep(0)
    await opened.close()
    with pytest.raises(UnavailableError):
        await slow
