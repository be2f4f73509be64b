"""What every engine promises of `begin`, reads and unique constraints. See `ca_service.database.port`."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import StatementError, any_of, insert_if_absent, statement
from ca_service.kernel.errors import InternalError, UnavailableError
from ca_service.queue.storage import LEASES
from tests.support.fakes.kernel import FakeClock

# Any table will do; this one is small.
_ROW: dict[str, Any] = {"name": bindparam("name"), "owner": bindparam("owner"), "held_until": bindparam("n")}
INSERT = statement(insert(LEASES).values(_ROW))
INSERT_IF_ABSENT = statement(insert_if_absent(LEASES, "name", "owner", "held_until", conflict=("name",)))
FIND = statement(select(LEASES.c.owner, LEASES.c.held_until).where(LEASES.c.name == bindparam("name")))
LIST = statement(select(LEASES.c.name).order_by(LEASES.c.name))
LIST_SOME = statement(select(LEASES.c.name).where(any_of(LEASES.c.name, "names")).order_by(LEASES.c.name))
LIST_NUMBERED = statement(select(LEASES.c.name).where(any_of(LEASES.c.held_until, "numbers")))
LIKE = statement(select(LEASES.c.name).where(LEASES.c.name.like(bindparam("pattern"))))
COUNT_UP = statement(
    update(LEASES)
    .where(LEASES.c.name == bindparam("name"))
    .values(held_until=LEASES.c.held_until + 1)
    .returning(LEASES.c.held_until)
)
CHANGE_IF = statement(
    update(LEASES)
    .where(LEASES.c.name == bindparam("name"), LEASES.c.owner == bindparam("before"))
    .values(owner=bindparam("after"))
)


async def add(database: Database, *names: str) -> None:
    async def work(transaction: Transaction) -> None:
        for name in names:
            await transaction.execute(INSERT, name=name, owner="o", n=0)

    await database.begin(work)


async def names_in(database: Database) -> list[str]:
    return [row[0] for row in await database.read(LIST)]


async def test_a_committed_row_is_read_at_once(database: Database) -> None:
    await add(database, "a")
    assert await database.read_one(FIND, name="a") == ("o", 0)


async def test_what_is_not_there_is_none(database: Database) -> None:
    assert await database.read_one(FIND, name="a") is None


async def test_a_scan_sees_the_same_as_a_read(database: Database) -> None:
    await add(database, "a", "b")
    assert await database.scan(LIST) == await database.read(LIST) == [("a",), ("b",)]


async def test_the_answer_of_the_work_is_returned(database: Database) -> None:
    async def work(transaction: Transaction) -> str:
        return "answer"

    assert await database.begin(work) == "answer"


async def test_a_transaction_sees_its_own_writes(database: Database) -> None:
    async def work(transaction: Transaction) -> list[tuple[str, ...]]:
        await transaction.execute(INSERT, name="a", owner="o", n=0)
        return await transaction.fetch_all(LIST)

    assert await database.begin(work) == [("a",)]


async def test_nothing_remains_of_work_that_raises(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name="a", owner="o", n=0)
        raise LookupError("changed my mind")

    with pytest.raises(LookupError, match="changed my mind"):
        await database.begin(work)
    assert await names_in(database) == []


async def test_an_error_touches_no_other_member_of_a_group(database: Database) -> None:
    async def work(transaction: Transaction, number: int) -> int:
        await transaction.execute(INSERT, name=f"row-{number:02}", owner="o", n=number)
        if number % 3 == 0:
            raise LookupError(number)
        return number

    answers = await asyncio.gather(
        *(database.begin(lambda t, number=number: work(t, number)) for number in range(20)),  # type: ignore[misc]
        return_exceptions=True,
    )

    good = [number for number in range(20) if number % 3]
    assert [answer for answer in answers if isinstance(answer, int)] == good
    assert await names_in(database) == [f"row-{number:02}" for number in good]


async def test_a_second_row_with_the_same_key_is_refused(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(UniqueViolationError):
        await add(database, "a")


async def test_a_unique_violation_undoes_the_whole_work(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(UniqueViolationError):
        await add(database, "b", "a")
    assert await names_in(database) == ["a"]


async def test_work_that_swallows_a_violation_commits_nothing(database: Database) -> None:
    await add(database, "a")

    async def work(transaction: Transaction) -> str:
        await transaction.execute(INSERT, name="b", owner="o", n=0)
        try:
            await transaction.execute(INSERT, name="a", owner="o", n=0)
        except UniqueViolationError:
            return "went on"
        return "not refused"

    with pytest.raises(UniqueViolationError):
        await database.begin(work)
    assert await names_in(database) == ["a"]


async def test_of_many_that_insert_the_same_key_one_wins(database: Database) -> None:
    answers = await asyncio.gather(*(add(database, "a") for _ in range(8)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType"] + ["UniqueViolationError"] * 7


async def test_insert_if_absent_tells_whether_the_row_was_new(database: Database) -> None:
    async def work(transaction: Transaction) -> int:
        return await transaction.execute(INSERT_IF_ABSENT, name="a", owner="o", held_until=0)

    assert [await database.begin(work), await database.begin(work)] == [1, 0]


async def test_an_error_of_ours_shows_no_value(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name="a", owner=None, n=0)

    with pytest.raises(InternalError) as refusal:
        await database.begin(work)
    assert "held_until" not in refusal.value.detail
    assert refusal.value.__cause__ is None or "None" not in str(refusal.value.__cause__)


async def test_a_number_beyond_64_bits_is_refused_and_nothing_else_breaks(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name="a", owner="o", n=2**63)

    with pytest.raises(InternalError):
        await database.begin(work)
    await add(database, "b")
    assert await names_in(database) == ["b"]


async def test_a_conditional_update_tells_whether_it_won(database: Database) -> None:
    await add(database, "a")

    async def work(transaction: Transaction) -> int:
        return await transaction.execute(CHANGE_IF, name="a", before="o", after="p")

    assert [await database.begin(work), await database.begin(work)] == [1, 0]


async def test_a_counter_gives_each_number_once(database: Database) -> None:
    await add(database, "a")

    async def work(transaction: Transaction) -> int:
        row = await transaction.fetch_one(COUNT_UP, name="a")
        assert row is not None
        number: int = row[0]
        return number

    numbers = await asyncio.gather(*(database.begin(work) for _ in range(20)))
    assert sorted(numbers) == list(range(1, 21))


async def test_lists_are_parameters_and_may_be_empty(database: Database) -> None:
    await add(database, "a", "b", 'c"')
    assert await database.read(LIST_SOME, names=["a", 'c"', "z"]) == [("a",), ('c"',)]
    assert await database.read(LIST_SOME, names=[]) == []
    assert len(await database.read(LIST_NUMBERED, numbers=[0, 5])) == 3


async def test_like_tells_cases_apart(database: Database) -> None:
    await add(database, "abc", "ABC")
    assert await database.read(LIKE, pattern="ab%") == [("abc",)]


async def test_text_and_bytes_come_back_as_they_went_in(database: Database) -> None:
    await add(database, "ünï ' %s :name\n")
    assert await database.read_one(FIND, name="ünï ' %s :name\n") == ("o", 0)


async def test_on_commit_actions_run_once_the_row_can_be_read(database: Database) -> None:
    seen: list[str] = []

    async def work(transaction: Transaction) -> None:
        transaction.on_commit(lambda: seen.append("committed"))
        await transaction.execute(INSERT, name="a", owner="o", n=0)
        assert seen == []

    await database.begin(work)
    assert seen == ["committed"]


async def test_on_commit_actions_do_not_run_if_the_work_raises(database: Database) -> None:
    seen: list[str] = []

    async def work(transaction: Transaction) -> None:
        transaction.on_commit(lambda: seen.append("committed"))
        raise LookupError

    with pytest.raises(LookupError):
        await database.begin(work)
    assert seen == []


async def test_an_on_commit_action_that_raises_takes_nobodys_answer(database: Database) -> None:
    def fail() -> None:
        raise LookupError

    async def work(transaction: Transaction) -> str:
        transaction.on_commit(fail)
        await transaction.execute(INSERT, name="a", owner="o", n=0)
        return "answered"

    assert await database.begin(work) == "answered"


async def test_time_stands_still_within_a_transaction(database: Database, clock: FakeClock) -> None:
    async def work(transaction: Transaction) -> bool:
        before = transaction.now
        clock.advance(timedelta(seconds=5))
        await transaction.execute(INSERT, name="a", owner="o", n=0)
        return before == transaction.now

    assert await database.begin(work)


async def test_time_never_goes_back(database: Database, clock: FakeClock) -> None:
    before = database.now()
    clock.set_back(timedelta(hours=1))
    assert database.now() == before


async def test_an_ended_transaction_is_of_no_use(database: Database) -> None:
    kept: list[Transaction] = []

    async def work(transaction: Transaction) -> None:
        kept.append(transaction)

    await database.begin(work)
    with pytest.raises(RuntimeError, match="ended"):
        await kept[0].execute(INSERT, name="a", owner="o", n=0)


async def test_what_is_sent_is_seen_by_the_next_statement(database: Database) -> None:
    async def work(transaction: Transaction) -> Any:
        transaction.send(INSERT, name="a", owner="o", n=0)
        return await transaction.fetch_one(FIND, name="a")

    assert await database.begin(work) == ("o", 0)
    assert await names_in(database) == ["a"]


async def test_what_is_sent_last_is_committed(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.send(INSERT, name="a", owner="o", n=0)
        transaction.send(INSERT, name="b", owner="o", n=0)

    await database.begin(work)
    assert await names_in(database) == ["a", "b"]


async def test_what_is_sent_and_refused_is_raised_and_nothing_remains(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name="before", owner="o", n=0)
        transaction.send(INSERT, name="a", owner="o", n=0)
        transaction.send(INSERT, name="a", owner="o", n=0)

    with pytest.raises(UniqueViolationError):
        await database.begin(work)
    assert await names_in(database) == []


async def test_what_was_sent_before_an_error_does_not_remain(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.send(INSERT, name="a", owner="o", n=0)
        raise LookupError

    with pytest.raises(LookupError):
        await database.begin(work)
    assert await names_in(database) == []
    await add(database, "a")


async def test_a_number_too_large_that_is_sent_is_raised(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.send(INSERT, name="a", owner="o", n=2**63)

    with pytest.raises(InternalError):
        await database.begin(work)
    assert await names_in(database) == []


async def test_reads_at_once_each_get_their_own_rows(database: Database) -> None:
    await add(database, *(f"row-{number:02}" for number in range(40)))
    found = await asyncio.gather(
        *(database.read(LIST_SOME, names=[f"row-{number:02}"]) for number in range(100))
    )
    assert found == [[(f"row-{number:02}",)] if number < 40 else [] for number in range(100)]


async def test_each_read_and_each_append_is_one_wait(database: Database) -> None:
    before = database.waits
    await database.read_one(FIND, name="a")
    await database.append(INSERT, name="a", owner="o", n=0)
    assert database.waits == before + 2


async def test_what_is_sent_adds_no_wait(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        for name in "abc":
            transaction.send(INSERT, name=name, owner="o", n=0)

    before = database.waits
    await database.begin(work)
    assert database.waits == before + 1


async def test_an_announcement_changes_the_hint(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(INSERT_IF_ABSENT, name="a", owner="o", held_until=0)
        transaction.announce()

    while (before := database.change_hint()) is None:
        # The listening connection of PostgreSQL is still on its way.
        await asyncio.sleep(0.01)
    await database.begin(work)
    after = database.change_hint()
    assert after is not None
    assert after != before


async def test_an_announcement_alone_changes_the_hint(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        transaction.announce()

    while (before := database.change_hint()) is None:
        await asyncio.sleep(0.01)
    await database.begin(work)
    assert database.change_hint() != before


async def test_a_wrong_parameter_is_named(database: Database) -> None:
    with pytest.raises(StatementError, match="nome"):
        await database.read_one(FIND, nome="a")


async def test_nothing_begins_after_the_end(database: Database) -> None:
    await database.close()
    with pytest.raises(UnavailableError):
        await add(database, "a")


async def test_transactions_that_run_at_the_end_are_finished(database: Database) -> None:
    running = [asyncio.create_task(add(database, f"row-{number}")) for number in range(5)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*running) == [None] * 5


async def test_a_unit_of_work_that_breaks_off_leaves_the_others_alone(database: Database) -> None:
    class BrokenOffError(BaseException):
        """What no handler expects."""

    async def break_off(transaction: Transaction) -> None:
        await transaction.execute(INSERT, name="broken", owner="o", n=0)
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        await database.begin(break_off)
    assert await database.begin(lambda transaction: transaction.fetch_all(LIST)) == []
