"""The engine's time."""

from datetime import timedelta

from ca_service.database.engine_clock import EngineClock
from tests.support.fakes.kernel import FakeClock


def test_moves_with_the_process_clock(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    clock.advance(timedelta(seconds=7))
    assert engine_clock.now() == clock.now()


def test_stands_still_while_the_process_clock_was_set_back(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    before = engine_clock.now()
    clock.set_back(timedelta(minutes=5))
    assert engine_clock.now() == before


def test_goes_on_once_the_process_clock_has_caught_up(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    clock.set_back(timedelta(minutes=5))
    clock.advance(timedelta(minutes=6))
    assert engine_clock.now() == clock.now()


def test_follows_the_server(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.follow(clock.now() + timedelta(seconds=3))
    assert engine_clock.offset == timedelta(seconds=3)
    assert engine_clock.now() == clock.now() + timedelta(seconds=3)


def test_is_raised_to_what_was_written_before(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.raise_to(clock.now() + timedelta(hours=1))
    assert engine_clock.now() == clock.now() + timedelta(hours=1)
