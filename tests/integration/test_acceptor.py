"""How connections come off a listening socket that several workers share."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import uvloop

from ca_service.serve import acceptor as module
from ca_service.serve.acceptor import Acceptor
from tests.support.openssl import make_self_signed


class Greeter(asyncio.Protocol):
    """Says who took the connection."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        greeted = cast("asyncio.Transport", transport)
        greeted.write(self._name)
        greeted.close()


def listening() -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def accept_with(bound: socket.socket, name: bytes = b"a", tls: ssl.SSLContext | None = None) -> Acceptor:
    return Acceptor(bound, lambda: Greeter(name), tls, backlog=64)


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run on the event loop that `serve` runs on."""

    async def bounded() -> None:
        await asyncio.wait_for(work(), 20)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


async def greeting(port: int, tls: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        return await reader.readexactly(1)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    certificate, key = make_self_signed(tmp_path, "localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(certificate)
    return server, client


def test_given_two_that_share_a_socket_when_a_burst_of_clients_comes_then_each_takes_a_share() -> None:
    async def work() -> None:
        bound = listening()
        shared = bound.dup()
        one, other = accept_with(bound, b"a"), accept_with(shared, b"b")

        greetings = await asyncio.gather(*(greeting(bound.getsockname()[1]) for _ in range(32)))

        assert min(greetings.count(b"a"), greetings.count(b"b")) >= 8
        one.close()
        other.close()
        bound.close()
        shared.close()

    run(work)


def test_given_a_client_that_fails_its_handshake_then_the_next_is_served(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async def work() -> None:
        server, client = contexts
        bound = listening()
        port = bound.getsockname()[1]
        acceptor = accept_with(bound, tls=server)

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"this is no TLS record\r\n\r\n")
        await reader.read()
        writer.close()

        assert await greeting(port, client) == b"a"
        acceptor.close()
        bound.close()

    run(work)


def test_given_a_handshake_that_has_not_ended_when_it_closes_then_it_does_not_wait_for_it(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async def work() -> None:
        bound = listening()
        acceptor = accept_with(bound, tls=contexts[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", bound.getsockname()[1])
        while not acceptor.is_opening:
            await asyncio.sleep(0)

        acceptor.close()
        await acceptor.wait_closed()

        assert await reader.read() == b""
        writer.close()
        bound.close()

    run(work)


def test_given_no_descriptor_left_then_it_accepts_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Exhausted(socket.socket):
        refusals = 1

        def accept(self) -> tuple[socket.socket, object]:
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    async def work() -> None:
        bound = Exhausted()
        bound.bind(("127.0.0.1", 0))
        acceptor = accept_with(bound)

        assert await greeting(bound.getsockname()[1]) == b"a"
        assert bound.refusals == 0
        acceptor.close()
        bound.close()

    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    run(work)
