"""A clock that may be wrong (S23): nothing is issued or changed, what takes away goes on, on both engines."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ca_service.composition import unless_time_is_in_doubt
from ca_service.database.port import Database, Transaction
from ca_service.gate.errors import TimeInDoubtError
from ca_service.governance.operations import GrantProjectRole, ReadProject, UpdateProject, WithdrawProjectRole
from ca_service.identity.operations import RevokeClientSecret
from ca_service.web.module import Timer
from tests.support.databases import open_postgresql, open_sqlite
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Worker, open_site

HOUR = timedelta(hours=1)
RENAME = UpdateProject(project="default", name="Ours")


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


@pytest.fixture
def reopen(
    request: pytest.FixtureRequest, runner: asyncio.Runner, database: Database, clock: FakeClock
) -> Iterator[Callable[[], Database]]:
    """What opens the same database once more, as another process does."""
    opened: list[Database] = []

    def once_more() -> Database:
        if database.dialect == "sqlite":
            folder: Path = request.getfixturevalue("tmp_path")
            opened.append(runner.run(open_sqlite(folder / "keywright.db", clock)))
        else:
            template = request.getfixturevalue("postgresql_template")
            opened.append(runner.run(open_postgresql(template.url, clock)))
        return opened[-1]

    yield once_more
    for each in opened:
        runner.run(each.close())


async def accept(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await database.accept_clock(transaction)

    await database.begin(work)


async def test_an_hour_behind_nothing_is_changed_and_the_reason_is_told(worker: Worker) -> None:
    await worker.perform(RENAME)
    worker.clock.set_back(HOUR)
    with pytest.raises(TimeInDoubtError) as refused:
        await worker.perform(UpdateProject(project="default", name="Others"))
    assert "3600 s behind" in refused.value.detail
    assert (await worker.perform(ReadProject(project="default"))).name == "Ours"


async def test_the_doors_answer_503(worker: Worker) -> None:
    token = (await worker.bootstrap.rotate()).reveal()
    worker.clock.set_back(HOUR)
    answered = await worker.call("PATCH", "/v1/projects/default", {"name": "x"}, token=token)
    assert (answered.status, "keywright clock accept" in answered.json()["detail"]) == (503, True)
    assert "retry-after" in answered.headers


async def test_nobody_logs_in_while_time_is_in_doubt(worker: Worker) -> None:
    machine = await worker.make_machine()
    worker.clock.set_back(HOUR)
    with pytest.raises(TimeInDoubtError):
        await worker.log_in(machine)


async def test_what_takes_a_right_away_is_done_all_the_same(worker: Worker) -> None:
    machine = await worker.make_machine()
    granted = await worker.perform(GrantProjectRole(project="default", identity=machine.id, role="viewer"))
    worker.clock.set_back(HOUR)
    await worker.perform(WithdrawProjectRole(project="default", membership=granted.id))
    await worker.perform(
        RevokeClientSecret(organization="default", identity=machine.id, client_secret=machine.secret_id)
    )


async def test_once_time_agrees_it_goes_on_by_itself(worker: Worker) -> None:
    await worker.perform(RENAME)
    worker.clock.set_back(HOUR)
    worker.clock.advance(HOUR - timedelta(seconds=30))
    await worker.perform(RENAME)


async def test_accepted_time_goes_on_from_there(worker: Worker) -> None:
    await worker.perform(RENAME)
    worker.clock.set_back(HOUR)
    await accept(worker.database)
    await worker.perform(RENAME)
    assert worker.database.now() == worker.clock.now()


def test_the_highest_time_outlives_a_restart(
    runner: asyncio.Runner, worker: Worker, reopen: Callable[[], Database]
) -> None:
    # That a time is kept: by each commit on SQLite, by the listener now and then on PostgreSQL.
    runner.run(accept(worker.database))
    worker.clock.set_back(HOUR)
    assert "behind" in str(reopen().clock_doubt())


def test_an_acceptance_outlives_a_restart(
    runner: asyncio.Runner, worker: Worker, reopen: Callable[[], Database]
) -> None:
    runner.run(accept(worker.database))
    worker.clock.set_back(HOUR)
    runner.run(accept(worker.database))
    again = reopen()
    assert (again.clock_doubt(), again.now()) == (None, worker.clock.now())


def test_a_jump_forward_is_no_reason_not_to_issue(runner: asyncio.Runner, worker: Worker) -> None:
    worker.clock.set_back(-HOUR)
    runner.run(worker.perform(RENAME))


async def test_a_jump_forward_lets_nothing_expire_until_it_is_accepted(worker: Worker) -> None:
    runs: list[str] = []

    async def sweep() -> None:
        runs.append("swept")

    timer = unless_time_is_in_doubt(Timer("sweep", HOUR, sweep, expires=True), worker.database)
    worker.clock.set_back(-HOUR)
    await timer.run()
    assert runs == []
    await accept(worker.database)
    await timer.run()
    assert runs == ["swept"]
