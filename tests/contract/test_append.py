"""What every engine promises of `append`: rows of concurrent callers share a commit, not a fate."""

import asyncio

import pytest
from sqlalchemy import Text, bindparam, insert, literal, select

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database
from ca_service.database.statement import StatementError, statement
from ca_service.kernel.errors import InternalError
from ca_service.queue.storage import LEASES

INSERT = statement(
    insert(LEASES).values(name=bindparam("name"), owner=bindparam("owner"), held_until=bindparam("n"))
)
INSERT_FREE = statement(insert(LEASES).values(name=bindparam("name"), owner="free", held_until=0))
INSERT_IF_HELD = statement(
    insert(LEASES).from_select(
        ["name", "owner", "held_until"],
        select(bindparam("name", type_=Text), literal("free"), literal(0)).where(
            select(LEASES.c.name).where(LEASES.c.owner == bindparam("holder")).exists()
        ),
    )
)
LIST = statement(select(LEASES.c.name).order_by(LEASES.c.name))


async def test_a_row_is_there_once_append_returns(database: Database) -> None:
    await database.append(INSERT, name="a", owner="o", n=1)
    assert await database.read(LIST) == [("a",)]


async def test_append_tells_whether_what_a_row_depends_on_was_so(database: Database) -> None:
    await database.append(INSERT, name="one", owner="o", n=1)

    answers = await asyncio.gather(
        *(database.append(INSERT_IF_HELD, name=f"by-{holder}", holder=holder) for holder in ("o", "p"))
    )

    assert answers == [True, False]
    assert await database.read(LIST) == [("by-o",), ("one",)]


async def test_rows_of_different_statements_go_together(database: Database) -> None:
    await asyncio.gather(
        *(database.append(INSERT, name=f"a{number}", owner="o", n=number) for number in range(10)),
        *(database.append(INSERT_FREE, name=f"b{number}") for number in range(10)),
    )
    assert len(await database.read(LIST)) == 20


async def test_a_bad_row_leaves_the_others(database: Database) -> None:
    await database.append(INSERT, name="row-03", owner="o", n=0)

    answers = await asyncio.gather(
        *(database.append(INSERT, name=f"row-{number:02}", owner="o", n=number) for number in range(10)),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers] == [
        UniqueViolationError if number == 3 else bool for number in range(10)
    ]
    assert await database.read(LIST) == [(f"row-{number:02}",) for number in range(10)]


async def test_a_row_that_no_statement_can_hold_leaves_the_others(database: Database) -> None:
    answers = await asyncio.gather(
        database.append(INSERT, name="a", owner="o", n=1),
        database.append(INSERT, name="b", owner="o", n=2**63),
        database.append(INSERT, name="c", owner=None, n=1),
        database.append(INSERT, name="d", owner="o", n=1),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [bool, InternalError, InternalError, bool]
    assert await database.read(LIST) == [("a",), ("d",)]


async def test_a_caller_that_gives_up_takes_no_other_row_along(database: Database) -> None:
    waiting = [
        asyncio.create_task(database.append(INSERT, name=f"row-{number}", owner="o", n=0))
        for number in range(6)
    ]
    await asyncio.sleep(0)
    waiting[2].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)

    answered = {f"row-{number}" for number, answer in enumerate(answers) if answer is True}
    assert len(answered) == 5
    assert answered <= {row[0] for row in await database.read(LIST)}


async def test_a_wrong_parameter_is_named_to_its_caller(database: Database) -> None:
    with pytest.raises(StatementError, match="owner"):
        await database.append(INSERT, name="a", n=1)
