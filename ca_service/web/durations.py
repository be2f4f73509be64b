"""Durations as our API writes them: `"90d"`, `"12h"`, `"30m"`, `"45s"`, or a number of seconds."""

import re
from datetime import timedelta

from ca_service.kernel.errors import MalformedError, UnacceptableError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TEXT = re.compile(r"(-?[0-9]{1,30})([smhd]?)", re.ASCII)
#: About three thousand years; beyond it date arithmetic overflows.
_LONGEST = 10**11


def parse_duration(value: str | int, *, field: str) -> timedelta:
    """Return a positive duration.

    Raises MalformedError for what is no duration, and UnacceptableError for one that is nothing, negative or
    longer than dates reach; both name `field`.
    """
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is None:
            raise MalformedError(
                'Write a duration as "90d", "12h", "30m", "45s" or as a number of seconds.',
                field=field,
                rule="duration",
            )
        seconds = int(match[1]) * _SECONDS[match[2] or "s"]
    else:
        seconds = value
    if seconds <= 0:
        raise UnacceptableError("A duration is at least one second.", field=field, rule="duration-positive")
    if seconds > _LONGEST:
        raise UnacceptableError("No calendar reaches that far.", field=field, rule="duration-longest")
    return timedelta(seconds=seconds)


def whole_seconds(duration: timedelta) -> int:
    """Return a duration as answers show it."""
    return int(duration.total_seconds())
