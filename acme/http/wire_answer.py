"""An answer as it goes out: a status, headers of which some come twice, and bytes."""

from typing import Any

from litestar.response.base import ASGIResponse


class WireAnswer(ASGIResponse):
    """Litestar's lowest response without what its own constructor looks for; a quarter of a nonce's time."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes, *, shows_body: bool) -> None:
        self._start = {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers],
        }
        self._body = {"type": "http.response.body", "body": body if shows_body else b"", "more_body": False}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        del scope, receive
        await send(self._start)
        await send(self._body)
