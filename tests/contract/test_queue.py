"""Jobs run at least once after their transaction is durable, on every engine."""

import asyncio
from datetime import timedelta

import pytest

from ca_service.database.port import Database, Transaction
from ca_service.queue.jobs import LAST_ATTEMPT, JobRun
from ca_service.queue.queue import Queue
from ca_service.queue.runner import JobRunner
from ca_service.queue.storage import claim_jobs
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers, FakeRandomness
from tests.support.jobs import Recorder, enqueue, make_runner

_GRACE = timedelta(seconds=5)


@pytest.fixture
def queue(identifiers: FakeIdentifiers) -> Queue:
    return Queue(identifiers)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def test_a_job_runs_once(database: Database, queue: Queue, recorder: Recorder) -> None:
    jobs = make_runner(database, queue, recorder)
    await enqueue(database, queue, b"a")

    assert [await jobs.run_due(), await jobs.run_due()] == [1, 0]
    assert recorder.payloads == [b"a"]


async def test_no_job_remains_of_a_transaction_that_fails(
    database: Database, queue: Queue, recorder: Recorder
) -> None:
    async def work(transaction: Transaction) -> None:
        await queue.enqueue(transaction, "note", b"a")
        raise LookupError

    with pytest.raises(LookupError):
        await database.begin(work)
    assert await make_runner(database, queue, recorder).run_due() == 0


async def test_a_job_waits_for_its_time(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    jobs = make_runner(database, queue, recorder)
    await enqueue(database, queue, b"later", run_at=clock.now() + timedelta(minutes=5))

    assert await jobs.run_due() == 0
    clock.advance(timedelta(minutes=5))
    assert await jobs.run_due() == 1


async def test_a_failed_job_comes_back_after_a_pause(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    jobs = make_runner(database, queue, recorder)
    recorder.failures = 1
    await enqueue(database, queue, b"a")

    assert [await jobs.run_due(), await jobs.run_due()] == [1, 0]
    clock.advance(timedelta(seconds=1))
    assert await jobs.run_due() == 1
    assert recorder.payloads == [b"a", b"a"]


async def test_a_job_that_never_succeeds_dies_and_stays_visible(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    jobs = make_runner(database, queue, recorder)
    recorder.failures = LAST_ATTEMPT
    await enqueue(database, queue, b"a")

    for _ in range(LAST_ATTEMPT + 3):
        await jobs.run_due()
        clock.advance(timedelta(hours=1))

    assert len(recorder.payloads) == LAST_ATTEMPT
    [dead] = await queue.dead_jobs(database)
    assert (dead.kind, dead.attempts, dead.last_error) == ("note", LAST_ATTEMPT, "conflict")


async def test_a_dead_job_can_be_revived(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    jobs = make_runner(database, queue, recorder)
    recorder.failures = LAST_ATTEMPT
    await enqueue(database, queue, b"a")
    for _ in range(LAST_ATTEMPT):
        await jobs.run_due()
        clock.advance(timedelta(hours=1))
    [dead] = await queue.dead_jobs(database)

    assert await database.begin(lambda transaction: queue.revive(transaction, dead.id))
    assert await jobs.run_due() == 1
    assert await queue.dead_jobs(database) == []


async def test_a_job_without_a_handler_waits_for_a_release_that_has_one(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    await enqueue(database, queue, b"a", kind="unheard-of")
    await make_runner(database, queue, recorder).run_due()
    clock.advance(timedelta(seconds=1))

    newer = JobRunner(database, queue, {"unheard-of": recorder}, FakeIdentifiers(), FakeRandomness())
    await newer.run_due()
    assert recorder.payloads == [b"a"]


async def test_of_jobs_with_the_same_key_one_waits_with_the_newest_payload(
    database: Database, queue: Queue, recorder: Recorder
) -> None:
    for payload in (b"old", b"new"):
        await enqueue(database, queue, payload, unique="publish:1")
    await enqueue(database, queue, b"other", unique="publish:2")

    await make_runner(database, queue, recorder).run_due()
    assert sorted(recorder.payloads) == [b"new", b"other"]


async def test_of_jobs_with_the_same_key_the_earliest_time_counts(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    soon, late = clock.now() + timedelta(minutes=1), clock.now() + timedelta(hours=1)
    await enqueue(database, queue, b"a", unique="k", run_at=soon)
    await enqueue(database, queue, b"b", unique="k", run_at=late)
    clock.advance(timedelta(minutes=1))
    assert await make_runner(database, queue, recorder).run_due() == 1


async def test_a_job_asked_for_while_it_runs_runs_once_more(database: Database, queue: Queue) -> None:
    payloads = []

    async def ask_again(run: JobRun) -> None:
        payloads.append(run.payload)
        if run.payload == b"first":
            await enqueue(database, queue, b"second", unique="k")

    jobs = make_runner(database, queue, ask_again)
    await enqueue(database, queue, b"first", unique="k")

    assert [await jobs.run_due(), await jobs.run_due(), await jobs.run_due()] == [1, 1, 0]
    assert payloads == [b"first", b"second"]


async def test_a_claimed_job_is_nobody_else_s(database: Database, queue: Queue, recorder: Recorder) -> None:
    await enqueue(database, queue, b"a")
    await database.begin(lambda t: claim_jobs(t, "dead-process", t.now + timedelta(seconds=60), 10))
    assert await make_runner(database, queue, recorder).run_due() == 0


async def test_the_job_of_a_process_that_died_comes_back(
    database: Database, queue: Queue, recorder: Recorder, clock: FakeClock
) -> None:
    await enqueue(database, queue, b"a")
    await database.begin(lambda t: claim_jobs(t, "dead-process", t.now + timedelta(seconds=60), 10))
    clock.advance(timedelta(seconds=60))
    assert await make_runner(database, queue, recorder).run_due() == 1


async def test_several_runners_share_the_jobs(database: Database, queue: Queue, recorder: Recorder) -> None:
    for number in range(12):
        await enqueue(database, queue, bytes([number]))
    workers = [make_runner(database, queue, recorder, f"run-{number}") for number in range(3)]

    counts = await asyncio.gather(*(worker.run_due() for worker in workers))
    assert counts == [4, 4, 4]
    assert sorted(recorder.payloads) == [bytes([number]) for number in range(12)]


async def test_no_more_run_at_once_than_allowed(database: Database, queue: Queue, recorder: Recorder) -> None:
    for number in range(10):
        await enqueue(database, queue, bytes([number]))
    jobs = make_runner(database, queue, recorder)
    assert [await jobs.run_due(), await jobs.run_due(), await jobs.run_due()] == [4, 4, 2]


async def test_a_started_runner_wakes_at_the_commit(database: Database, queue: Queue) -> None:
    ran = asyncio.Event()

    async def note(run: JobRun) -> None:
        ran.set()

    jobs = make_runner(database, queue, note)
    jobs.start()
    started = asyncio.get_running_loop().time()
    await enqueue(database, queue, b"a")
    await ran.wait()
    assert asyncio.get_running_loop().time() - started < 0.9
    await jobs.stop(_GRACE)


async def test_stopping_waits_for_what_runs(database: Database, queue: Queue) -> None:
    entered, leave, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(run: JobRun) -> None:
        entered.set()
        await leave.wait()
        done.set()

    jobs = make_runner(database, queue, slow)
    jobs.start()
    await enqueue(database, queue, b"a")
    await entered.wait()
    stopping = asyncio.create_task(jobs.stop(_GRACE))
    await asyncio.sleep(0)
    leave.set()
    await stopping
    assert done.is_set()


async def test_what_is_not_done_in_time_is_given_to_others(
    database: Database, queue: Queue, recorder: Recorder
) -> None:
    entered = asyncio.Event()

    async def endless(run: JobRun) -> None:
        entered.set()
        await asyncio.Event().wait()

    jobs = make_runner(database, queue, endless)
    jobs.start()
    await enqueue(database, queue, b"a")
    await entered.wait()
    await jobs.stop(timedelta(0))

    assert await make_runner(database, queue, recorder, "other").run_due() == 1
