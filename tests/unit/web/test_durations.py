"""Durations as people write them."""

from datetime import timedelta

import pytest

from ca_service.kernel.errors import MalformedError, UnacceptableError
from ca_service.web.durations import parse_duration, whole_seconds


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        ("2160h", timedelta(days=90)),
        ("60", timedelta(seconds=60)),
        (3600, timedelta(hours=1)),
    ],
)
def test_given_a_duration_then_it_is_understood(written: str | int, meant: timedelta) -> None:
    assert parse_duration(written, field="ttl") == meant


@pytest.mark.parametrize(
    "written",
    ["", "1.5h", "1w", "1h30m", " 1h", "1H", "h", "٣h", "--1h", "+1h", "9" * 31],
)
def test_given_anything_else_then_400_names_the_field(written: str | int) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_duration(written, field="ttl")

    assert (refused.value.field, refused.value.rule) == ("ttl", "duration")


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("0s", "duration-positive"),
        ("-5m", "duration-positive"),
        (0, "duration-positive"),
        (-1, "duration-positive"),
        ("9999999999999d", "duration-longest"),
        (10**12, "duration-longest"),
    ],
)
def test_given_a_duration_out_of_all_bounds_then_422_names_the_rule(written: str | int, rule: str) -> None:
    with pytest.raises(UnacceptableError) as refused:
        parse_duration(written, field="ttl")

    assert (refused.value.field, refused.value.rule) == ("ttl", rule)


def test_answers_show_whole_seconds() -> None:
    assert whole_seconds(timedelta(hours=1, milliseconds=900)) == 3600
