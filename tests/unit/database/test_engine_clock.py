"""The engine's time."""

from datetime import timedelta

import pytest

from ca_service.database.engine_clock import EngineClock
from ca_service.kernel.clock import to_microseconds
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


def test_a_minute_behind_is_no_reason_for_doubt(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.now()
    clock.set_back(timedelta(seconds=60))
    assert engine_clock.doubt() is None


def test_more_than_a_minute_behind_is(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.now()
    clock.set_back(timedelta(seconds=61))
    assert "61 s behind" in str(engine_clock.doubt())


def test_doubt_ends_when_the_clock_agrees_again(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.now()
    clock.set_back(timedelta(hours=1))
    clock.advance(timedelta(minutes=59))
    assert engine_clock.doubt() is None


def test_what_is_kept_counts_as_given_out(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.follow_kept(to_microseconds(clock.now() + timedelta(hours=1)), None)
    assert "3600 s behind" in str(engine_clock.doubt())


@pytest.mark.parametrize("seconds", [6, -6])
def test_process_and_server_more_than_five_seconds_apart_are_in_doubt(clock: FakeClock, seconds: int) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.follow(clock.now() + timedelta(seconds=seconds))
    assert "differ by 6 s" in str(engine_clock.doubt())


def test_five_seconds_apart_they_are_not(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.follow(clock.now() + timedelta(seconds=5))
    assert engine_clock.doubt() is None


def test_a_server_that_was_ahead_for_a_while_leaves_no_doubt_behind(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.follow(clock.now() + timedelta(hours=1))
    engine_clock.now()
    engine_clock.follow(clock.now())
    assert (engine_clock.doubt(), engine_clock.now()) == (None, clock.now())


def test_accepted_time_is_believed_whatever_was_given_out(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.now()
    clock.set_back(timedelta(hours=1))
    engine_clock.accept(1)
    assert (engine_clock.doubt(), engine_clock.now()) == (None, clock.now())


def test_accepted_difference_is_no_reason_for_doubt_until_it_grows(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.follow(clock.now() + timedelta(seconds=30))
    engine_clock.accept(1)
    assert engine_clock.doubt() is None
    engine_clock.follow(clock.now() + timedelta(seconds=36))
    assert engine_clock.doubt() is not None


def test_an_acceptance_elsewhere_is_followed_once(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    engine_clock.follow_kept(to_microseconds(clock.now() + timedelta(hours=1)), None)
    accepted = to_microseconds(clock.now())
    assert engine_clock.follow_kept(accepted, accepted)
    assert (engine_clock.doubt(), engine_clock.follow_kept(accepted, accepted)) == (None, False)


def test_an_acceptance_of_an_earlier_start_is_no_news(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    kept = to_microseconds(clock.now() + timedelta(hours=1))
    assert not engine_clock.follow_kept(kept, 7)
    assert engine_clock.doubt() is not None


def test_a_jump_forward_keeps_things_from_expiring_and_from_nothing_else(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    clock.set_back(-timedelta(minutes=11))
    assert "forward by 660 s" in str(engine_clock.doubt_of_expiry())
    assert engine_clock.doubt() is None


def test_time_that_passes_is_no_jump(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    clock.advance(timedelta(days=30))
    assert engine_clock.doubt_of_expiry() is None


def test_an_accepted_jump_is_over(clock: FakeClock) -> None:
    engine_clock = EngineClock(clock)
    clock.set_back(-timedelta(minutes=11))
    engine_clock.accept(1)
    assert engine_clock.doubt_of_expiry() is None
