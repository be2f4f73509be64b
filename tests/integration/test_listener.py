"""Bounds in front of the parser, over real sockets on loopback (S8)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ca_service.serve.addresses import Listen, bind
from ca_service.serve.listener import Listener
from ca_service.web.connections import Bounds, Connections
from tests.support.web import InProcess

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


async def with_listener(bounds: Bounds, work: Callable[[int], Awaitable[Any]]) -> Any:
    bound = bind(Listen("127.0.0.1", 0), "server.listen")
    port = bound.getsockname()[1]
    listener = Listener(
        InProcess().front, bound, Connections(bounds), lambda: "req_test", stop_timeout=0.5, tls=None
    )
    await listener.open()
    try:
        return await work(port)
    finally:
        await listener.close()


async def exchange(port: int, *pieces: bytes) -> bytes:
    """Send the pieces and return everything until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def answered(*pieces: bytes, bounds: Bounds | None = None) -> bytes:
    """Return what a listener with these bounds answers to one connection."""
    whole = bounds or Bounds()
    result: bytes = asyncio.run(with_listener(whole, lambda port: exchange(port, *pieces)))
    return result


def test_given_a_request_then_it_is_answered_with_a_date_and_no_server_name() -> None:
    answer = answered(GET + b"Connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ndate: " in answer
    assert b"\r\nserver:" not in answer.lower()


def test_given_what_is_not_http_then_400_as_a_problem() -> None:
    answer = answered(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b'"request_id":"req_test"' in answer


def test_given_headers_beyond_32_kib_then_431_as_a_problem() -> None:
    many = b"".join(b"X-%d: %s\r\n" % (number, b"v" * 1000) for number in range(40))

    answer = answered(GET + many + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"rule":"header_size"' in answer


def test_given_one_header_without_an_end_then_431_before_memory_fills() -> None:
    answer = answered(GET + b"X: ", *[b"v" * 8192] * 6)

    assert answer.startswith(b"HTTP/1.1 431 ")


def test_given_headers_just_within_the_bound_then_they_are_read() -> None:
    answer = answered(GET + b"X: " + b"v" * 32_000 + b"\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_given_a_body_larger_than_a_read_then_its_bytes_do_not_count_as_headers() -> None:
    body = b"x" * 60_000
    answer = answered(
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n"
        + body
    )

    assert answer.startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"GET /heal",),
        (GET + b"X: half",),
        (b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n", b"half"),
    ],
)
def test_given_a_message_that_does_not_end_then_the_connection_ends_at_the_deadline(
    pieces: tuple[bytes, ...],
) -> None:
    assert b" 200 " not in answered(*pieces, bounds=Bounds(receive_seconds=0.1))


def test_given_a_pause_between_two_requests_then_the_deadline_does_not_count() -> None:
    async def twice(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + b"\r\n")
        first = await reader.readuntil(b"ok\n")
        await asyncio.sleep(0.3)
        writer.write(GET + b"Connection: close\r\n\r\n")
        second = await reader.read()
        writer.close()
        return first + second

    answer: bytes = asyncio.run(with_listener(Bounds(receive_seconds=0.1), twice))

    assert answer.count(b"200 OK") == 2


def test_given_too_many_connections_of_one_address_then_the_next_is_dropped() -> None:
    async def three(port: int) -> list[bool]:
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        answers = []
        for reader, writer in pairs:
            try:
                writer.write(GET + b"\r\n")
                answers.append(bool(await reader.read(1)))
            except ConnectionError:
                answers.append(False)
            writer.close()
        return answers

    bounds = Bounds(connections_of_one_address=2)

    assert asyncio.run(with_listener(bounds, three)) == [True, True, False]


def test_given_a_connection_ended_then_its_place_is_free_again() -> None:
    connections = Connections(Bounds(connections_of_one_address=1))

    assert connections.admit("192.0.2.1")
    assert not connections.admit("192.0.2.1")
    connections.leave("192.0.2.1")
    assert connections.admit("192.0.2.1")


def test_given_an_exempt_proxy_then_only_the_total_counts() -> None:
    connections = Connections(
        Bounds(connections=3, connections_of_one_address=1), lambda address: address == "10.0.0.1"
    )

    assert [connections.admit("10.0.0.1") for _ in range(4)] == [True, True, True, False]


def test_given_a_bound_socket_then_nobody_connects_before_it_opens() -> None:
    bound = bind(Listen("127.0.0.1", 0), "server.listen")
    try:
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(bound.getsockname())
    finally:
        bound.close()
