"""Words as the bodies of the SSH authority have them."""

from enum import StrEnum
from typing import TypeVar

from ca_service.kernel.errors import MalformedError

W = TypeVar("W", bound=StrEnum)


def parse_word(kind: type[W], text: str, *, field: str) -> W:
    """Return the member whose wire word this is. Raises MalformedError."""
    try:
        return kind(text)
    except ValueError:
        raise MalformedError(
            f"{field} is one of {', '.join(member.value for member in kind)}.", field=field, rule="choice"
        ) from None
