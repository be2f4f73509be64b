"""A caller may give up at any moment: what was answered is there, what is there is whole, nothing is open."""

import asyncio

import pytest
from sqlalchemy import bindparam, insert, select

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.queue.storage import LEASES

INSERT = statement(insert(LEASES).values(name=bindparam("name"), owner="o", held_until=0))
LIST = statement(select(LEASES.c.name).order_by(LEASES.c.name))


async def insert_pair(database: Database, name: str) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name=f"{name}-left")
        await transaction.execute(INSERT, name=f"{name}-right")

    await database.begin(work)


async def cancel_after(task: asyncio.Task[None], steps: int) -> bool:
    """Cancel after so many turns of the loop, and tell whether the task had been answered."""
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


async def test_at_every_turn_of_the_loop(database: Database) -> None:
    answered = []
    # Every turn at first, where our own awaits lie; then later and later, until an answer comes first.
    for steps in [*range(60), 100, 200, 400, 800, 1600, 100_000]:
        name = f"{steps:06}"
        if await cancel_after(asyncio.create_task(insert_pair(database, name)), steps):
            answered.append(name)
    # One more, which also waits for everything that was left running.
    await insert_pair(database, "last")

    found = [row[0] for row in await database.read(LIST)]
    whole = {name.partition("-")[0] for name in found}
    assert sorted(found) == sorted(f"{name}-{side}" for name in whole for side in ("left", "right"))
    assert set(answered) <= whole
    assert answered, "even the most patient caller was not answered"


async def test_while_others_share_the_group(database: Database) -> None:
    for steps in range(12):
        tasks = [asyncio.create_task(insert_pair(database, f"{steps:02}.{number}")) for number in range(6)]
        victim = tasks.pop(steps % 6)
        await cancel_after(victim, steps)
        await asyncio.gather(*tasks)

    await insert_pair(database, "last")
    found = {row[0] for row in await database.read(LIST)}
    for steps in range(12):
        survivors = [number for number in range(6) if number != steps % 6]
        assert all(f"{steps:02}.{number}-right" in found for number in survivors)


async def test_of_a_read_leaves_the_next_one_alone(database: Database) -> None:
    await insert_pair(database, "a")

    async def read() -> None:
        await database.read(LIST)

    for steps in range(12):
        await cancel_after(asyncio.create_task(read()), steps)
    assert await database.read(LIST) == [("a-left",), ("a-right",)]


async def test_the_work_goes_on_to_its_commit(database: Database) -> None:
    committed = asyncio.Event()

    async def work(transaction: Transaction) -> None:
        transaction.on_commit(committed.set)
        await transaction.execute(INSERT, name="a")

    task = asyncio.create_task(database.begin(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await committed.wait()
    assert await database.read(LIST) == [("a",)]
