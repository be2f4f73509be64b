"""Keyset paging: a page of items and an opaque cursor that says where the next one begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from litestar import Request
from msgspec import Struct

from ca_service.kernel.errors import MalformedError

T = TypeVar("T")
DEFAULT_LIMIT = 100
MOST_ITEMS = 1000
_LONGEST_CURSOR = 2048


class Page(Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` is null on the last one."""

    items: Sequence[T]
    next_cursor: str | None


def parse_limit(text: str | None) -> int:
    """Return how many items to answer. Raises MalformedError (field `limit`)."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_ITEMS):
        raise MalformedError(f"`limit` is a number from 1 to {MOST_ITEMS}.", field="limit", rule="limit")
    return int(text)


def encode_cursor(key: str) -> str:
    """Return the cursor for a key of the storage (the last item's sort key)."""
    return urlsafe_b64encode(key.encode()).decode("ascii").rstrip("=")


def parse_cursor(text: str | None) -> str | None:
    """Return the storage's key behind a cursor. Raises MalformedError (field `cursor`)."""
    if text is None:
        return None
    try:
        if len(text) > _LONGEST_CURSOR:
            raise ValueError("too long")
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        if not key or encode_cursor(key) != text:
            raise ValueError("not canonical")
    except ValueError as error:
        raise MalformedError(
            "This cursor is not one of ours; take `next_cursor` of the page before, or leave it out.",
            field="cursor",
            rule="cursor",
        ) from error
    return key


def parse_page(request: Request[Any, Any, Any]) -> tuple[int, str | None]:
    """Return (limit, key to continue after) from `?limit=&cursor=`. Raises MalformedError."""
    query = request.query_params
    return parse_limit(query.get("limit")), parse_cursor(query.get("cursor"))


def page(items: Sequence[T], next_key: str | None) -> Page[T]:
    """Return a page; `next_key` is the storage's key of its last item, None if nothing follows."""
    return Page(items=items, next_cursor=None if next_key is None else encode_cursor(next_key))
