"""Durations as columns hold them: microseconds."""

from datetime import timedelta

_MICROSECOND = timedelta(microseconds=1)


def to_micros(duration: timedelta) -> int:
    """Return the duration in microseconds."""
    return duration // _MICROSECOND


def from_micros(microseconds: int) -> timedelta:
    """Return the duration of so many microseconds."""
    return timedelta(microseconds=microseconds)
