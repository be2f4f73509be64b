"""A process that counts in a shared SQLite file: `python -m tests.support.counting_process FILE NAME TIMES`.

Every number it was given is a row of its own, written in the same transaction.
"""

import asyncio
import sys
from pathlib import Path

from sqlalchemy import bindparam, insert, update

from ca_service.database.port import Transaction
from ca_service.database.sqlite import SqliteDatabase
from ca_service.database.statement import statement
from ca_service.kernel.clock import SystemClock
from ca_service.queue.storage import LEASES

INSERT = statement(
    insert(LEASES).values(name=bindparam("name"), owner=bindparam("owner"), held_until=bindparam("number"))
)
COUNT_UP = statement(
    update(LEASES)
    .where(LEASES.c.name == "counter")
    .values(held_until=LEASES.c.held_until + 1)
    .returning(LEASES.c.held_until)
)


async def count(file: Path, name: str, times: int) -> None:
    """Count so many times, a few at once."""
    database = await SqliteDatabase.open(file, SystemClock())

    async def work(transaction: Transaction) -> None:
        row = await transaction.fetch_one(COUNT_UP)
        assert row is not None
        await transaction.execute(INSERT, name=f"number-{row[0]}", owner=name, number=row[0])

    for _ in range(times // 4):
        await asyncio.gather(*(database.begin(work) for _ in range(4)))
    await database.close()


if __name__ == "__main__":
    asyncio.run(count(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
