"""The protocol of one connection: uvicorn's, with bounds in front of its parser (S8).

How many connections there are in all and from one address, how large headers may be, how long headers and
body may take. The timers are armed only for a message that did not arrive in one piece.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ca_service.kernel.errors import KeywrightError, MalformedError, TooLargeError
from ca_service.web.client_address import fold_address
from ca_service.web.problems import RenderedProblem, render_problem


class Bounds(Struct, frozen=True):
    """Sizes in bytes, times in seconds."""

    connections: int = 8192
    connections_of_one_address: int = 2048
    headers: int = 32 * 1024
    receive_seconds: float = 10.0


class Connections:
    """The connections of one listener."""

    def __init__(self, bounds: Bounds, exempt: Callable[[str], bool] = lambda _: False) -> None:
        self.bounds = bounds
        self._exempt = exempt
        self._open: Counter[str] = Counter()
        self._total = 0

    def admit(self, address: str) -> bool:
        """Count a connection in and return whether it may stay. Trusted proxies speak for many."""
        is_one_too_many = self._open[address] >= self.bounds.connections_of_one_address and not self._exempt(
            address
        )
        if is_one_too_many or self._total >= self.bounds.connections:
            return False
        self._open[address] += 1
        self._total += 1
        return True

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self._total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


class JoinedWrites:
    """A transport that sends what was written in one turn of the event loop together.

    Head and body of an answer become one TLS record and one packet instead of two. All else is the
    transport's.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Send before this turn ends."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Send now."""
        if self._held:
            held, self._held = self._held, []
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Close once everything is sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """One connection within its bounds."""

    def __init__(
        self,
        connections: Connections,
        new_request_id: Callable[[], str],
        config: Config,
        server_state: ServerState,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state={})
        # Our own access log says more, and knows what must not be written.
        self.access_log = False
        self._connections = connections
        self._new_request_id = new_request_id
        self._address: str | None = None
        self._is_receiving = True
        self._is_in_headers = True
        #: Bytes of headers that earlier reads brought, and of all that the present one did.
        self._earlier_bytes = self._present_bytes = 0
        self._refusal: KeywrightError | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit or drop."""
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)  # type: ignore[assignment]
        address = fold_address(self.client[0] if self.client else None)
        if not self._connections.admit(address):
            transport.abort()
            return
        self._address = address
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count out."""
        self._disarm()
        if self._address is not None:
            self._connections.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; arm or stop the clock by whether the message is complete."""
        self._present_bytes = len(data)
        had_begun = self._is_in_headers
        super().data_received(data)
        self._earlier_bytes += len(data) if had_begun and self._is_in_headers else 0
        if self.transport.is_closing():
            self._disarm()
        elif self._is_in_headers and self._earlier_bytes > self._connections.bounds.headers:
            # A header without an end stays inside the parser.
            self._refusal = _headers_too_large()
            self.send_400_response("")
        elif not self._is_receiving:
            self._disarm()
        elif self._timer is None:
            self._arm()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._is_receiving = self._is_in_headers = True
        self._earlier_bytes = 0

    def on_headers_complete(self) -> None:
        """Go on to the body, whose time is its own."""
        # A part of what arrived may be a body, so headers are measured only where it could matter.
        if self._earlier_bytes + self._present_bytes > self._connections.bounds.headers:
            self._verify_size()
        self._is_in_headers = False
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request; until the next one begins nothing is awaited but that."""
        self._is_receiving = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Send the answer, and go on to a request that waits behind it."""
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed with a problem document, and close."""
        del msg
        self._disarm()
        error = self._refusal or MalformedError("This is not an HTTP request.", rule="http")
        rendered = render_problem(error, self._new_request_id())
        status = b"431 Request Header Fields Too Large" if self._refusal else b"400 Bad Request"
        self.transport.write(_wire(status, rendered))
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: an upgrade that is not offered is simply not made (RFC 9110 section 7.8)."""

    def _verify_size(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._connections.bounds.headers:
            self._refusal = _headers_too_large()
            # The parser turns this into its own error, which ends in `send_400_response`.
            raise ValueError("headers too large")

    def _arm(self) -> None:
        self._timer = self.loop.call_later(self._connections.bounds.receive_seconds, self._give_up)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()


def _headers_too_large() -> TooLargeError:
    return TooLargeError("The request's headers are too large.", rule="header_size")


def _wire(status: bytes, rendered: RenderedProblem) -> bytes:
    headers: dict[str, Any] = rendered.headers | {
        "content-length": str(len(rendered.body)),
        "connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"HTTP/1.1 " + status + b"\r\n" + lines.encode("latin-1") + b"\r\n" + rendered.body
