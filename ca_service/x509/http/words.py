"""Words, lifetimes and names as the bodies of the certificate authority have them."""

from datetime import timedelta
from typing import Any, TypeVar

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
