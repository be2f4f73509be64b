"""Answers that stand ready: the same for everyone who asks for the same address, while they are current.

A door marks such a response with what tells whether it still is (`door.octets(..., current=...)`). The next
request for that address is answered without the router and without the door. Whatever is special about a
request (a query, a condition, another method) goes the long way.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

#: Longer addresses and bodies are not kept: this is memory that strangers fill.
_LONGEST_ADDRESS = 1024
_LONGEST_BODY = 64 * 1024
_MOST = 4096
#: Conditions and ranges of RFC 9110 sections 13 and 14.
_SPECIAL = frozenset(
    {
        b"if-none-match",
        b"if-modified-since",
        b"if-match",
        b"if-unmodified-since",
        b"if-range",
        b"range",
    }
)

Current = Callable[[], bool]


class Ready(Struct, frozen=True):
    """A whole answer to a GET; `template` is the route that made it."""

    template: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    is_current: Current


class ReadyAnswers:
    """The answers of one process that stand ready, by the address as it was sent."""

    def __init__(self) -> None:
        self._answers: dict[bytes, Ready] = {}

    def find(self, scope: Any) -> Ready | None:
        """Return the answer to this request, if it is an ordinary one and its answer is current."""
        address = scope["raw_path"]
        ready = self._answers.get(address)
        if ready is None or scope["method"] != "GET" or scope["query_string"]:
            return None
        for name, _ in scope["headers"]:
            if name in _SPECIAL:
                return None
        if not ready.is_current():
            del self._answers[address]
            return None
        return ready

    def keep(self, scope: Any, ready: Ready) -> None:
        """Keep the answer to this request for the next one, if it is an ordinary one."""
        address = scope.get("raw_path")
        if (
            not address
            or scope["method"] != "GET"
            or scope["query_string"]
            or len(address) > _LONGEST_ADDRESS
            or len(ready.body) > _LONGEST_BODY
        ):
            return
        if len(self._answers) >= _MOST:
            del self._answers[next(iter(self._answers))]
        self._answers[address] = ready
