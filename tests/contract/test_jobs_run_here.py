"""Jobs that are a process's own from the commit on, and jobs that end with the record of their outcome."""

import asyncio
from datetime import timedelta

import pytest

from ca_service.database.port import Database, Transaction
from ca_service.queue.jobs import JobRun
from ca_service.queue.queue import Queue
from ca_service.queue.storage import claim_jobs
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers
from tests.support.jobs import Recorder, enqueue, make_runner

_GRACE = timedelta(seconds=5)


@pytest.fixture
def queue(identifiers: FakeIdentifiers) -> Queue:
    return Queue(identifiers)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def finish_with_a_transaction(database: Database, run: JobRun, *, fails: bool = False) -> None:
    """Record an outcome and end the job with it."""

    async def work(transaction: Transaction) -> None:
        run.use(transaction)
        if fails:
            raise LookupError

    await database.begin(work)
    run.was_used()


async def test_a_job_to_be_run_here_is_nobody_else_s_from_the_commit_on(
    database: Database, queue: Queue
) -> None:
    ran, leave = asyncio.Event(), asyncio.Event()

    async def note(run: JobRun) -> None:
        ran.set()
        await leave.wait()

    jobs = make_runner(database, queue, note)
    jobs.start()
    await enqueue(database, queue, b"a", here=True)
    await ran.wait()
    assert await database.begin(lambda t: claim_jobs(t, "other", t.now + timedelta(seconds=60), 10)) == []
    leave.set()
    await jobs.stop(_GRACE)


async def test_a_job_to_be_run_here_runs_once(database: Database, queue: Queue, clock: FakeClock) -> None:
    ran = asyncio.Event()
    payloads = []

    async def note(run: JobRun) -> None:
        payloads.append(run.payload)
        ran.set()

    jobs = make_runner(database, queue, note)
    jobs.start()
    await enqueue(database, queue, b"a", here=True)
    await ran.wait()
    await jobs.stop(_GRACE)
    clock.advance(timedelta(hours=1))
    assert await make_runner(database, queue, note, "other").run_due() == 0
    assert payloads == [b"a"]


async def test_a_job_left_to_a_process_that_died_comes_back(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    async def endless(run: JobRun) -> None:
        await asyncio.Event().wait()

    dead = make_runner(database, queue, endless, "dead-process")
    dead.start()
    await enqueue(database, queue, b"a", here=True)
    ended = (*dead._tasks, *dead._running)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)

    other = make_runner(database, queue, recorder, "other")
    assert await other.run_due() == 0
    clock.advance(timedelta(seconds=20))
    assert await other.run_due() == 1
    assert recorder.payloads == [b"a"]


async def test_where_no_runner_works_it_is_for_whoever_is_first(
    database: Database, queue: Queue, recorder: Recorder
) -> None:
    make_runner(database, queue, recorder, "idle")
    await enqueue(database, queue, b"a", here=True)
    assert await make_runner(database, queue, recorder, "other").run_due() == 1


async def test_no_job_is_run_here_whose_transaction_fails(
    database: Database, queue: Queue, recorder: Recorder
) -> None:
    async def work(transaction: Transaction) -> None:
        await queue.enqueue(transaction, "note", b"a", here=True)
        raise LookupError

    jobs = make_runner(database, queue, recorder)
    jobs.start()
    with pytest.raises(LookupError):
        await database.begin(work)
    await jobs.stop(_GRACE)
    assert recorder.payloads == []


async def test_of_jobs_to_be_run_here_no_more_run_at_once_than_allowed(
    database: Database, queue: Queue
) -> None:
    busy, most, done, left = 0, 0, 0, asyncio.Event()

    async def slow(run: JobRun) -> None:
        nonlocal busy, most, done
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        busy, done = busy - 1, done + 1
        if done == 10:
            left.set()

    jobs = make_runner(database, queue, slow)
    jobs.start()
    await asyncio.gather(*(enqueue(database, queue, bytes([number]), here=True) for number in range(10)))
    async with asyncio.timeout(10):
        await left.wait()
    await jobs.stop(_GRACE)
    assert most <= 4


async def test_what_waits_here_is_given_to_others_at_the_stop(
    database: Database, queue: Queue, recorder: Recorder
) -> None:
    entered = asyncio.Event()

    async def endless(run: JobRun) -> None:
        entered.set()
        await asyncio.Event().wait()

    jobs = make_runner(database, queue, endless)
    jobs.start()
    await asyncio.gather(*(enqueue(database, queue, bytes([number]), here=True) for number in range(6)))
    await entered.wait()
    await jobs.stop(timedelta(0))

    other = make_runner(database, queue, recorder, "other")
    assert await other.run_due() + await other.run_due() == 6


async def test_a_job_that_ended_with_its_outcome_takes_no_more_waits(
    database: Database, queue: Queue, clock: FakeClock
) -> None:
    waits = []

    async def note(run: JobRun) -> None:
        await finish_with_a_transaction(database, run)
        waits.append(database.waits)

    jobs = make_runner(database, queue, note)
    await enqueue(database, queue, b"a")
    await jobs.run_due()

    assert waits == [database.waits]
    clock.advance(timedelta(hours=1))
    assert await jobs.run_due() == 0


async def test_a_job_whose_outcome_is_not_kept_comes_back(
    database: Database, queue: Queue, clock: FakeClock
) -> None:
    runs = []

    async def note(run: JobRun) -> None:
        runs.append(run.payload)
        await finish_with_a_transaction(database, run, fails=len(runs) == 1)

    jobs = make_runner(database, queue, note)
    await enqueue(database, queue, b"a")
    await jobs.run_due()
    clock.advance(timedelta(seconds=1))
    assert [await jobs.run_due(), await jobs.run_due()] == [1, 0]
    assert runs == [b"a", b"a"]


async def test_a_job_asked_for_before_its_outcome_was_recorded_runs_once_more(
    database: Database, queue: Queue
) -> None:
    payloads = []

    async def note(run: JobRun) -> None:
        payloads.append(run.payload)
        if run.payload == b"first":
            await enqueue(database, queue, b"second", unique="k")
        await finish_with_a_transaction(database, run)

    jobs = make_runner(database, queue, note)
    await enqueue(database, queue, b"first", unique="k")
    assert [await jobs.run_due(), await jobs.run_due(), await jobs.run_due()] == [1, 1, 0]
    assert payloads == [b"first", b"second"]
