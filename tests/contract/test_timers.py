"""Timers run in one process at a time, on every engine."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec import Struct

from ca_service.database.port import Database
from ca_service.queue.timers import TimerRunner
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers

_GRACE = timedelta(seconds=5)


class Timer(Struct, frozen=True):
    name: str
    every: timedelta
    run: Callable[[], Awaitable[None]]


def make_timers(database: Database, clock: FakeClock, owner: str, *timers: Timer) -> TimerRunner:
    runner = TimerRunner(database, timers, clock, FakeIdentifiers())
    runner._owner = owner
    return runner


async def test_the_first_to_ask_leads_and_the_second_does_not(database: Database, clock: FakeClock) -> None:
    first, second = make_timers(database, clock, "first"), make_timers(database, clock, "second")
    assert [await first.try_to_lead(), await second.try_to_lead(), await first.try_to_lead()] == [
        True,
        False,
        True,
    ]


async def test_of_many_that_ask_at_once_one_leads(database: Database, clock: FakeClock) -> None:
    runners = [make_timers(database, clock, f"run-{number}") for number in range(6)]
    answers = await asyncio.gather(*(runner.try_to_lead() for runner in runners))
    assert answers.count(True) == 1


async def test_another_leads_once_the_leader_is_silent(database: Database, clock: FakeClock) -> None:
    first, second = make_timers(database, clock, "first"), make_timers(database, clock, "second")
    await first.try_to_lead()
    clock.advance(timedelta(seconds=15))
    assert not first.is_leading
    assert await second.try_to_lead()


async def test_another_leads_at_once_after_a_graceful_stop(database: Database, clock: FakeClock) -> None:
    first, second = make_timers(database, clock, "first"), make_timers(database, clock, "second")
    await first.try_to_lead()
    await first.stop(_GRACE)
    assert await second.try_to_lead()


async def test_a_timer_runs_soon_and_again(database: Database, clock: FakeClock) -> None:
    runs = asyncio.Semaphore(0)

    async def tick() -> None:
        runs.release()

    timers = make_timers(database, clock, "run", Timer("tick", timedelta(milliseconds=1), tick))
    timers.start()
    for _ in range(3):
        await runs.acquire()
    await timers.stop(_GRACE)


async def test_a_timer_that_fails_runs_again(database: Database, clock: FakeClock) -> None:
    runs = asyncio.Semaphore(0)

    async def fail() -> None:
        runs.release()
        raise LookupError

    timers = make_timers(database, clock, "run", Timer("fail", timedelta(milliseconds=1), fail))
    timers.start()
    await runs.acquire()
    await runs.acquire()
    await timers.stop(_GRACE)


async def test_stopping_waits_for_a_timer_that_runs(database: Database, clock: FakeClock) -> None:
    entered, leave, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        entered.set()
        await leave.wait()
        done.set()

    timers = make_timers(database, clock, "run", Timer("slow", timedelta(hours=1), slow))
    timers.start()
    await entered.wait()
    stopping = asyncio.create_task(timers.stop(_GRACE))
    await asyncio.sleep(0)
    leave.set()
    await stopping
    assert done.is_set()
