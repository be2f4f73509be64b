"""A web server on loopback that answers http-01 challenges: honestly, or as hostile as a test wants it.

`async with web(answer(ok("x"))) as site:` serves one answer to everything; `site_of(pages)` serves by path.
A handler is any `async (path, headers, writer) -> None` that writes raw bytes.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

Handle: TypeAlias = Callable[[str, Mapping[str, str], asyncio.StreamWriter], Awaitable[None]]

TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
HTTP_2_SETTINGS = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18


class Site:
    """A web server that answers as a function of the test says, and remembers what it was asked."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
            line, *rest = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in rest)}
            self.requests.append((line.split()[1], headers))
            await self.handle(line.split()[1], headers, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def web(
    handle: Handle, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Site]:
    """Serve on a port of the system's choice, unless one is given."""
    site = Site(handle)
    server = await asyncio.start_server(site.serve, host, port, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site


def answer(raw: str | bytes) -> Handle:
    """Return a handler that writes `raw` to everyone."""

    async def handle(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(raw if isinstance(raw, bytes) else raw.encode())

    return handle


def site_of(pages: Mapping[str, str]) -> Handle:
    """Return a handler that writes the raw answer of each path, and 404 elsewhere."""

    async def handle(path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(pages.get(path, "HTTP/1.1 404 X\r\n\r\n").encode())

    return handle


def stall(raw: bytes) -> Handle:
    """Return a handler that writes `raw` and then nothing until the client goes."""

    async def handle(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.wait_closed()

    return handle


def drip(raw: bytes, endless: bytes, pause: float) -> Handle:
    """Return a handler that writes `raw`, then `endless` again and again with a pause between: slow-loris."""

    async def handle(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        while not writer.is_closing():
            writer.write(endless)
            await writer.drain()
            await asyncio.sleep(pause)

    return handle


def ok(body: str, headers: str = "") -> str:
    """Return a 200 answer."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"


def redirect(location: str, status: int = 302) -> str:
    """Return a redirect."""
    return f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def raw_server(raw: str | bytes | None, *, hangs_up: bool = False) -> AsyncIterator[int]:
    """Serve a port that waits for the client's first bytes and writes `raw`, None: nothing, ever."""
    connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            await reader.read(4096)
            if raw is not None:
                writer.write(raw if isinstance(raw, bytes) else raw.encode())
                await writer.drain()
            while not hangs_up and await reader.read(4096):
                pass
        except OSError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for writer in connections:
            writer.transport.abort()
        await asyncio.sleep(0)
