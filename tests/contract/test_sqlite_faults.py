"""SQLite when things go wrong: full disks, lost transactions, other processes, a clock that was set back."""

import asyncio
import contextlib
import fcntl
import resource
import sqlite3
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from ca_service.config import ConfigError
from ca_service.database.port import Transaction
from ca_service.database.sqlite import SqliteDatabase
from ca_service.database.sqlite_connection import connect
from ca_service.database.statement import statement
from ca_service.kernel.errors import UnavailableError
from ca_service.queue.storage import LEASES
from tests.support.counting_process import INSERT
from tests.support.databases import SqliteTemplate
from tests.support.fakes.kernel import FakeClock

LIST = statement(select(LEASES.c.name).order_by(LEASES.c.name))
_LARGE = "x" * 300_000
_ROOT = Path(__file__).parents[2]


async def add(database: SqliteDatabase, name: str, owner: str = "o") -> str:
    async def work(transaction: Transaction) -> str:
        await transaction.execute(INSERT, name=name, owner=owner, number=0)
        return name

    return await database.begin(work)


async def names_in(database: SqliteDatabase) -> list[str]:
    return [row[0] for row in await database.read(LIST)]


def limit_pages(database: SqliteDatabase, pages: int) -> None:
    """Let SQLite believe that the disk ends after so many more pages."""
    connection = database._writer._connection
    used: int = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {used + pages}")


@contextlib.contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """Make the operating system refuse to write further, as a full disk would, for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_answers_unavailable_and_writes_nothing(sqlite_database: SqliteDatabase) -> None:
    limit_pages(sqlite_database, 2)
    with pytest.raises(UnavailableError, match="disk is full"):
        await add(sqlite_database, "large", _LARGE)
    assert await names_in(sqlite_database) == []


async def test_service_returns_once_there_is_room(sqlite_database: SqliteDatabase) -> None:
    limit_pages(sqlite_database, 2)
    with pytest.raises(UnavailableError):
        await add(sqlite_database, "large", _LARGE)
    limit_pages(sqlite_database, 1000)
    await add(sqlite_database, "large", _LARGE)
    assert await names_in(sqlite_database) == ["large"]


async def test_a_commit_that_fails_is_answered_to_nobody(
    sqlite_database: SqliteDatabase, tmp_path: Path
) -> None:
    await add(sqlite_database, "before")
    log_size = (tmp_path / "keywright.db-wal").stat().st_size

    with no_file_may_grow_beyond(log_size + 4096):
        answers = await asyncio.gather(
            *(add(sqlite_database, f"row-{number}", "o" * 3000) for number in range(8)),
            return_exceptions=True,
        )

    assert [type(answer) for answer in answers] == [UnavailableError] * 8
    assert await names_in(sqlite_database) == ["before"]


async def test_after_a_failed_commit_the_next_one_succeeds(
    sqlite_database: SqliteDatabase, tmp_path: Path
) -> None:
    await add(sqlite_database, "before")
    log_size = (tmp_path / "keywright.db-wal").stat().st_size
    with no_file_may_grow_beyond(log_size + 4096), pytest.raises(UnavailableError):
        await add(sqlite_database, "lost", _LARGE)

    await add(sqlite_database, "after")
    assert await names_in(sqlite_database) == ["after", "before"]


async def test_a_lost_outer_transaction_is_answered_to_nobody(sqlite_database: SqliteDatabase) -> None:
    async def lose(transaction: Transaction) -> str:
        await transaction.execute(INSERT, name="loser", owner="o", number=0)
        # What SQLite does by itself on some I/O errors.
        sqlite_database._writer._connection.execute("ROLLBACK")
        return "answered"

    answers = await asyncio.gather(
        add(sqlite_database, "a"),
        sqlite_database.begin(lose),
        add(sqlite_database, "b"),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers] == [UnavailableError] * 3
    assert await names_in(sqlite_database) == []


async def test_a_statement_after_the_outer_transaction_was_lost_is_not_committed_alone(
    sqlite_database: SqliteDatabase,
) -> None:
    async def lose(transaction: Transaction) -> None:
        sqlite_database._writer._connection.execute("ROLLBACK")
        await transaction.execute(INSERT, name="alone", owner="o", number=0)

    with pytest.raises(UnavailableError):
        await sqlite_database.begin(lose)
    assert await names_in(sqlite_database) == []


async def test_work_that_waits_for_anything_else_is_refused(sqlite_database: SqliteDatabase) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name="a", owner="o", number=0)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="other than its transaction"):
        await sqlite_database.begin(work)
    assert await names_in(sqlite_database) == []


async def test_work_that_reads_beside_its_transaction_is_refused(sqlite_database: SqliteDatabase) -> None:
    async def work(transaction: Transaction) -> None:
        await sqlite_database.read(LIST)

    with pytest.raises(RuntimeError, match="nothing but its transaction"):
        await sqlite_database.begin(work)


async def test_work_that_begins_another_transaction_is_refused(sqlite_database: SqliteDatabase) -> None:
    async def work(transaction: Transaction) -> None:
        await add(sqlite_database, "inner")

    with pytest.raises(RuntimeError, match="nothing but its transaction"):
        await sqlite_database.begin(work)
    assert await names_in(sqlite_database) == []


async def test_two_processes_neither_lose_nor_repeat_a_number(
    sqlite_template: SqliteTemplate, tmp_path: Path, clock: FakeClock
) -> None:
    file = sqlite_template.copy_to(tmp_path)
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO queue_leases VALUES ('counter', '', 0)")
    command = [sys.executable, "-m", "tests.support.counting_process", str(file)]

    processes = [
        await asyncio.create_subprocess_exec(*command, name, "100", cwd=_ROOT) for name in ("left", "right")
    ]

    assert [await process.wait() for process in processes] == [0, 0]
    with contextlib.closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(
            "SELECT owner, held_until FROM queue_leases WHERE name <> 'counter'"
        ).fetchall()
    assert sorted(number for _, number in rows) == list(range(1, 201))
    assert sorted(owner for owner, _ in rows) == ["left"] * 100 + ["right"] * 100


async def test_a_group_waits_for_the_process_that_holds_the_lock(
    sqlite_database: SqliteDatabase, tmp_path: Path
) -> None:
    with (tmp_path / "keywright.db.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = asyncio.create_task(add(sqlite_database, "a"))
        for _ in range(50):
            await asyncio.sleep(0)
        # The loop is free meanwhile, and reads are answered.
        assert await names_in(sqlite_database) == []
        assert not waiting.done()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert await waiting == "a"


async def test_another_process_s_announcement_changes_the_hint(
    sqlite_database: SqliteDatabase, tmp_path: Path, clock: FakeClock
) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.announce()

    other = await SqliteDatabase.open(tmp_path / "keywright.db", clock)
    before = sqlite_database.change_hint()
    await other.begin(work)
    assert sqlite_database.change_hint() != before
    await other.close()


async def test_a_commit_that_announces_nothing_leaves_the_hint(
    sqlite_database: SqliteDatabase, tmp_path: Path, clock: FakeClock
) -> None:
    before = sqlite_database.change_hint()
    await add(sqlite_database, "a")
    assert sqlite_database.change_hint() == before
    other = await SqliteDatabase.open(tmp_path / "keywright.db", clock)
    await add(other, "b")
    assert sqlite_database.change_hint() == before
    await other.close()


async def test_an_announcement_that_is_rolled_back_leaves_the_hint(sqlite_database: SqliteDatabase) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.announce()
        raise LookupError

    before = sqlite_database.change_hint()
    with pytest.raises(LookupError):
        await sqlite_database.begin(work)
    assert sqlite_database.change_hint() == before


async def test_time_does_not_go_back_over_a_restart(
    sqlite_database: SqliteDatabase, tmp_path: Path, clock: FakeClock
) -> None:
    clock.advance(timedelta(hours=1))
    await add(sqlite_database, "a")
    before = sqlite_database.now()
    await sqlite_database.close()
    clock.set_back(timedelta(hours=3))

    reopened = await SqliteDatabase.open(tmp_path / "keywright.db", clock)
    assert reopened.now() == before
    await reopened.close()


async def test_every_commit_waits_for_the_disk(sqlite_database: SqliteDatabase) -> None:
    connection = sqlite_database._writer._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


async def test_the_file_is_for_its_owner_only(tmp_path: Path, clock: FakeClock) -> None:
    opened = await SqliteDatabase.open(tmp_path / "new.db", clock)
    await opened.close()
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}


async def test_a_file_that_is_no_database_is_named(tmp_path: Path, clock: FakeClock) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to look at" * 100, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"notes\.txt"):
        await SqliteDatabase.open(file, clock)


async def test_a_missing_folder_is_named(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(ConfigError, match="missing"):
        await SqliteDatabase.open(tmp_path / "missing" / "ca.db", clock)


async def test_a_file_that_another_program_holds_for_a_moment_is_opened_after_it(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    file = sqlite_template.copy_to(tmp_path)
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    with (
        contextlib.closing(sqlite3.connect(file, timeout=0)) as second,
        pytest.raises(sqlite3.OperationalError),
    ):
        second.execute("PRAGMA journal_mode = WAL")

    opening = asyncio.create_task(asyncio.to_thread(connect, file, writes=True, busy_seconds=0))
    await asyncio.sleep(0)
    holder.execute("ROLLBACK")
    holder.close()

    opened = await opening
    assert opened.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    opened.close()
