"""What every engine promises of `Transaction.require`: find or change a row, or end the transaction."""

from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import Statement, statement
from ca_service.queue.storage import LEASES

_ROW: dict[str, Any] = {"name": bindparam("name"), "owner": bindparam("owner"), "held_until": bindparam("n")}
INSERT = statement(insert(LEASES).values(_ROW))
LIST = statement(select(LEASES.c.name, LEASES.c.owner).order_by(LEASES.c.name))
FIND = statement(select(LEASES.c.owner).where(LEASES.c.name == bindparam("wanted")))
TAKE = statement(update(LEASES).where(LEASES.c.name == bindparam("wanted")).values(owner="taken"))
TAKE_AND_TELL = statement(
    update(LEASES)
    .where(LEASES.c.name == bindparam("wanted"))
    .values(owner="taken")
    .returning(LEASES.c.held_until)
)
#: A row made of another one, if there is that other one.
COPY = statement(
    insert(LEASES).from_select(
        ["name", "owner", "held_until"],
        select(bindparam("copy", type_=LEASES.c.name.type), LEASES.c.owner, LEASES.c.held_until).where(
            LEASES.c.name == bindparam("wanted")
        ),
    )
)
KINDS = pytest.mark.parametrize(
    ("required", "more"),
    [(FIND, {}), (TAKE, {}), (TAKE_AND_TELL, {}), (COPY, {"copy": "b"})],
    ids=["select", "update", "update returning", "insert from select"],
)


class UnmetError(Exception):
    """What the test asks to be raised."""


def unmet() -> Exception:
    return UnmetError()


async def add(transaction: Transaction, name: str) -> None:
    await transaction.execute(INSERT, name=name, owner="o", n=0)


@KINDS
async def test_given_a_row_then_the_transaction_is_committed(
    database: Database, required: Statement, more: dict[str, str]
) -> None:
    async def work(transaction: Transaction) -> None:
        await add(transaction, "a")
        transaction.require(required, unmet, wanted="a", **more)
        transaction.send(INSERT, name="z", owner="o", n=0)

    await database.begin(work)

    assert ("z", "o") in await database.read(LIST)


@KINDS
async def test_given_no_row_then_the_error_is_raised_and_nothing_remains(
    database: Database, required: Statement, more: dict[str, str]
) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.send(INSERT, name="y", owner="o", n=0)
        transaction.require(required, unmet, wanted="a", **more)
        transaction.send(INSERT, name="z", owner="o", n=0)

    with pytest.raises(UnmetError):
        await database.begin(work)

    assert await database.read(LIST) == []


async def test_given_no_row_then_a_later_statement_that_is_waited_for_raises_it(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.require(FIND, unmet, wanted="a")
        await add(transaction, "z")

    with pytest.raises(UnmetError):
        await database.begin(work)


async def test_given_work_that_swallows_the_error_then_nothing_remains(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await add(transaction, "y")
        try:
            transaction.require(FIND, unmet, wanted="a")
            await transaction.fetch_all(LIST)
        except UnmetError:
            return

    with pytest.raises(UnmetError):
        await database.begin(work)

    assert await database.read(LIST) == []


async def test_given_several_that_are_required_then_the_first_without_a_row_is_told(
    database: Database,
) -> None:
    async def work(transaction: Transaction) -> None:
        await add(transaction, "a")
        transaction.require(TAKE, LookupError, wanted="a")
        transaction.require(FIND, unmet, wanted="b")
        transaction.require(FIND, KeyError, wanted="c")

    with pytest.raises(UnmetError):
        await database.begin(work)


async def test_given_another_failure_then_it_is_not_taken_for_a_missing_row(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await add(transaction, "a")
        await add(transaction, "b")
        transaction.require(COPY, unmet, wanted="a", copy="b")

    with pytest.raises(UniqueViolationError):
        await database.begin(work)


async def test_a_required_statement_adds_no_wait(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.send(INSERT, name="a", owner="o", n=0)
        transaction.require(TAKE, unmet, wanted="a")

    before = database.waits
    await database.begin(work)

    assert database.waits == before + 1


async def test_after_a_missing_row_the_next_transaction_runs(database: Database) -> None:
    async def broken(transaction: Transaction) -> None:
        transaction.require(FIND, unmet, wanted="a")

    async def work(transaction: Transaction) -> None:
        await add(transaction, "a")

    for _ in range(3):
        with pytest.raises(UnmetError):
            await database.begin(broken)
    await database.begin(work)

    assert await database.read(LIST) == [("a", "o")]
