"""A tiny HTTP/1.1 client over one kept connection: as little of the machine as a load generator can take."""

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.support.acme_client import Reply

_LIMIT = 256 * 1024
_NONE: Mapping[str, str] = {}


class HttpConnection:
    """One connection to the server of `url`, made when it is first needed and again after it broke."""

    def __init__(self, url: str, context: ssl.SSLContext, *, seconds: float = 30.0) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._context = context
        self._seconds = seconds
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] = _NONE
    ) -> Reply:
        """Send one request and return its answer.

        Raises ConnectionError if the connection broke before the whole answer was here, whatever the server
        made of the request, and TimeoutError if it took too long.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(method, url, body, headers)
        except BaseException as error:
            self.close()
            # A TLS session that ends in the middle of a record is a broken connection like any other.
            if isinstance(error, asyncio.IncompleteReadError | ssl.SSLError):
                raise ConnectionResetError("the answer ended early") from error
            raise

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._host, self._port, ssl=self._context, limit=_LIMIT
            )
        reader, writer = self._streams
        target = url[url.index("/", 8) :]
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{lines}"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)
        return await _read_reply(reader, has_body=method != "HEAD")


async def _read_reply(reader: asyncio.StreamReader, *, has_body: bool) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    [size] = headers.get("content-length", ["0"])
    body = await reader.readexactly(int(size)) if has_body else b""
    return Reply(int(first.split(" ", 2)[1]), headers, body)
