"""Reading one HTTP/1.1 response from a stranger, every part of it bounded."""

import asyncio

from msgspec import Struct

from ca_service.egress.errors import AnswerRefusedError, ConnectionFailedError

MOST_BODY = 1024
_MOST_HEADERS = 16 * 1024
_MOST_IN_ALL = 64 * 1024
_CHUNK = 4096


class Response(Struct, frozen=True):
    """A response: its status, where it redirects to, and its body up to a little over the bound."""

    status: int
    location: str | None
    body: bytes


class _Collector:
    """Takes the first response that is not an interim one (RFC 9110 section 15.2)."""

    def __init__(self) -> None:
        import httptools

        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.location: str | None = None
        self.body = b""
        self._is_complete = False

    def has_ended(self) -> bool:
        """Tell whether the response is complete, or its body already too long."""
        return self._is_complete or len(self.body) > MOST_BODY

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_complete and name.lower() == b"location" and self.location is None:
            self.location = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        if not self._is_complete:
            self.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self._is_complete and len(self.body) <= MOST_BODY:
            self.body += body[: MOST_BODY + 1 - len(self.body)]

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self._is_complete = True
        else:
            self.status, self.location, self.body = 0, None, b""


async def read_response(reader: asyncio.StreamReader, *, part_seconds: float) -> Response:
    """Return the response, its body cut one byte over the bound if it is longer.

    The headers may take `part_seconds`, and the body as long again. Raises ConnectionFailedError if the other
    side speaks another protocol, is too slow or hangs up too early, AnswerRefusedError if the response is
    beyond its bounds.
    """
    collector = _Collector()
    try:
        async with asyncio.timeout(part_seconds) as limit:
            await _collect(reader, collector, limit, part_seconds)
    except TimeoutError:
        part = "complete its headers" if collector.status < 200 else "complete its body"
        raise ConnectionFailedError(f"The host did not {part} within {part_seconds:g} s.") from None
    if collector.status < 200:
        raise ConnectionFailedError("The host hung up before it answered.")
    # A body without a length ends with the connection, so an early end is the end (RFC 9112 section 6.3).
    return Response(collector.status, collector.location, collector.body)


async def _collect(
    reader: asyncio.StreamReader, collector: _Collector, limit: asyncio.Timeout, body_seconds: float
) -> None:
    import httptools

    received = 0
    has_headers = False
    while not collector.has_ended():
        data = await reader.read(_CHUNK)
        if not data:
            break
        if received == 0:
            _verify_protocol(data)
        received += len(data)
        if received > _MOST_IN_ALL or (collector.status == 0 and received > _MOST_HEADERS):
            raise AnswerRefusedError("The answer's headers or framing are too large.")
        try:
            collector.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not collector.has_ended():  # what follows a complete response does not matter
                raise ConnectionFailedError("The host did not answer in HTTP/1.1.") from None
        if collector.status >= 200 and not has_headers:
            has_headers = True
            limit.reschedule(asyncio.get_running_loop().time() + body_seconds)


def _verify_protocol(first: bytes) -> None:
    """Raises ConnectionFailedError with the name of what was mistaken for HTTP/1.1."""
    if first[:1] in {b"\x15", b"\x16"} and first[1:2] == b"\x03":
        raise ConnectionFailedError("The host speaks TLS on this port, and plain HTTP is asked for.")
    if len(first) >= 9 and first[3] == 0x04 and first[5:9] == b"\0\0\0\0":
        raise ConnectionFailedError("The host speaks HTTP/2 only, and HTTP/1.1 is asked for.")
