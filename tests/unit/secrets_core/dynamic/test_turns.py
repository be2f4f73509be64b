"""A target is spared: few calls at once, and none for a while after it did not answer."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from secrets_core.dynamic.errors import TargetBusyError
from secrets_core.dynamic.targets import Turns, after_silence
from tests.support.fakes.kernel import FakeRandomness

NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def test_only_so_many_call_one_target_at_once() -> None:
    turns, inside, most = Turns(most=3), 0, 0

    async def call(target: str) -> None:
        nonlocal inside, most
        async with turns.turn(target):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(call("one") for _ in range(20)))
    assert most == 3


async def test_who_waits_too_long_is_told_that_the_target_is_busy() -> None:
    turns = Turns(most=1, patience=timedelta())
    async with turns.turn("one"):
        with pytest.raises(TargetBusyError):
            async with turns.turn("one"):
                pass
        async with turns.turn("two"):
            pass
    async with turns.turn("one"):
        pass


def test_a_breaker_opens_for_longer_each_time_up_to_a_minute() -> None:
    breaker, pauses = None, []
    for _ in range(50):
        breaker = after_silence(breaker, "down", NOW, FakeRandomness())
        pauses.append(breaker.open_until - NOW)
    assert breaker is not None
    assert (breaker.failures, breaker.down_since) == (50, NOW)
    assert pauses[0] <= timedelta(seconds=1)
    assert timedelta(seconds=30) <= pauses[-1] <= timedelta(minutes=1)
