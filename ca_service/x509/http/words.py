"""Words, lifetimes and names as the bodies of the certificate authority have them."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ca_service.kernel.errors import MalformedError
from ca_service.web.durations import parse_duration
from ca_service.x509.errors import ProfileRefusedError

T = TypeVar("T")


Duration = str | int


def parse_word(kind: type[T], text: str, *, field: str, rule: str) -> T:
    """Return a member of an enumeration by its word. Raises ProfileRefusedError that lists them."""
    words: Any = kind
    try:
        member: T = words(text)
    except ValueError as error:
        detail = f"{field} is one of {', '.join(words)}."
        raise ProfileRefusedError(detail, field=field, rule=rule) from error
    return member


def parse_words(kind: type[T], texts: list[str], *, field: str, rule: str) -> tuple[T, ...]:
    """Return members of an enumeration by their words. Raises ProfileRefusedError."""
    return tuple(
        parse_word(kind, text, field=f"{field}[{place}]", rule=rule) for place, text in enumerate(texts)
    )


def parse_ttl(value: Duration | None, *, field: str = "ttl") -> timedelta | None:
    """Return a lifetime, or None where it was left out. Raises MalformedError, UnacceptableError."""
    return None if value is None else parse_duration(value, field=field)


def parse_moment(moment: datetime | None, *, field: str = "not_after") -> datetime | None:
    """Return a time in UTC, or None where it was left out. Raises MalformedError for one without a zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        detail = f"{field} is a time as RFC 3339 writes it: 2030-12-31T00:00:00Z."
        raise MalformedError(detail, field=field, rule="time")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise MalformedError(f"{field} has no year in UTC.", field=field, rule="time") from error
