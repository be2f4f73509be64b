"""When a failed job runs again."""

from datetime import timedelta

import pytest

from ca_service.queue.jobs import pause_after
from tests.support.fakes.kernel import FakeRandomness


@pytest.mark.parametrize(
    ("attempts", "longest"),
    [
        (1, timedelta(seconds=1)),
        (2, timedelta(seconds=2)),
        (5, timedelta(seconds=16)),
        (12, timedelta(seconds=2048)),
        (13, timedelta(hours=1)),
        (1000, timedelta(hours=1)),
    ],
)
def test_the_pause_doubles_up_to_an_hour(attempts: int, longest: timedelta) -> None:
    assert longest / 2 <= pause_after(attempts, FakeRandomness()) < longest


def test_what_failed_together_does_not_come_back_together() -> None:
    randomness = FakeRandomness()
    pauses = {pause_after(3, randomness) for _ in range(50)}
    assert len(pauses) == 50
