"""A web server on loopback that answers http-01 challenges, inside the process that asks for certificates."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

_PATH = b"GET /.well-known/acme-challenge/"


class ChallengeHost:
    """Answers tokens it was told of, on 127.0.0.1 and ::1.

    `port` may be chosen before it listens; `on_fetch` is called with each question, before it is answered.
    """

    def __init__(self, port: int | None = None, on_fetch: Callable[[], None] = lambda: None) -> None:
        self.port = free_port() if port is None else port
        #: How often each token was asked for.
        self.fetches: Counter[str] = Counter()
        self._on_fetch = on_fetch
        self._thumbprints: dict[bytes, bytes] = {}
        self._fetched: dict[str, asyncio.Event] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        hosts = ["127.0.0.1", "::1"] if socket.has_ipv6 else ["127.0.0.1"]
        self._server = await asyncio.start_server(self._answer, hosts, self.port, backlog=512)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "it was entered"
        self._server.close()
        await self._server.wait_closed()

    def serve(self, token: str, thumbprint: str) -> asyncio.Event:
        """Answer this token from now on; the event is set once a validator has its answer."""
        self._thumbprints[token.encode()] = thumbprint.encode()
        return self._fetched.setdefault(token, asyncio.Event())

    def forget(self, token: str) -> None:
        """Answer this token no more."""
        self._thumbprints.pop(token.encode(), None)
        self._fetched.pop(token, None)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            token = head.removeprefix(_PATH).partition(b" ")[0]
            thumbprint = self._thumbprints.get(token)
            self.fetches[token.decode("latin-1")] += 1
            self._on_fetch()
            if thumbprint is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            body = token + b"." + thumbprint
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            self._fetched[token.decode()].set()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def loopback_validation(http_port: int) -> dict[str, str]:
    """Return the settings of a server that asks for http-01 at this port of loopback."""
    return {
        "KEYWRIGHT__ACME__VALIDATION__HTTP_PORT": str(http_port),
        "KEYWRIGHT__ACME__VALIDATION__ALLOWED_NETWORKS": json.dumps(["127.0.0.0/8", "::1/128"]),
    }
