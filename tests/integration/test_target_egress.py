"""The way to targets, before servers that are ours, silent, talkative or not what they seem."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from ca_service.config import TargetConfig, ValidationConfig
from ca_service.egress.egress import Egress
from ca_service.egress.errors import ConnectionFailedError, RefusedAddressError
from ca_service.egress.target import TargetEgress
from ca_service.egress.target_errors import LoginRefusedError, StatementRefusedError, TargetLostError
from ca_service.egress.target_place import PostgresqlPlace, TargetTls
from ca_service.egress.target_session import TargetRow
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.secret_value import SecretValue
from tests.support.challenge_host import free_port
from tests.support.target_postgresql import HOST, ROOT, ROOT_PASSWORD, TargetServer, way_to_targets

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def place(port: int, host: str = HOST, tls: TargetTls = TargetTls.DISABLE) -> PostgresqlPlace:
    return PostgresqlPlace(
        host=host, port=port, database="app", username=ROOT, password=SecretValue(ROOT_PASSWORD), tls=tls
    )


async def ask(way: TargetEgress, to: PostgresqlPlace, text: str = "SELECT current_user") -> list[TargetRow]:
    async with way.postgresql(to) as session:
        return await session.rows(text)


@asynccontextmanager
async def listening(serve: Callable[[Streams], Awaitable[None]]) -> AsyncIterator[int]:
    """Serve connections on loopback as told, and lend the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve((reader, writer))
        writer.transport.abort()

    server = await asyncio.start_server(answer, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def between(server: TargetServer, instead: Callable[[asyncio.StreamWriter], Awaitable[None]]):  # type: ignore[no-untyped-def]
    """Return what passes everything on to the real server, until it is asked for `surprise`."""

    async def serve(streams: Streams) -> None:
        reader, writer = streams
        real = await asyncio.open_connection(HOST, server.port)

        async def pass_back() -> None:
            while data := await real[0].read(65536):
                writer.write(data)

        back = asyncio.create_task(pass_back())
        try:
            while data := await reader.read(65536):
                if b"surprise" in data:
                    back.cancel()
                    await instead(writer)
                    return
                real[1].write(data)
        finally:
            back.cancel()
            real[1].transport.abort()

    return serve


async def test_a_session_answers_over_verified_tls(target_server: TargetServer) -> None:
    way = way_to_targets(ca_file=str(target_server.ca_file))
    to = place(target_server.port, "localhost", TargetTls.VERIFY_FULL)
    assert await ask(way, to) == [(ROOT,)]
    assert await ask(way, to, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [("t",)]


async def test_a_certificate_of_another_name_or_authority_is_refused(target_server: TargetServer) -> None:
    verified = TargetTls.VERIFY_FULL
    trusting = way_to_targets(ca_file=str(target_server.ca_file))
    with pytest.raises(LoginRefusedError, match="must name the host"):
        await ask(trusting, place(target_server.port, HOST, verified))
    with pytest.raises(LoginRefusedError, match="must name the host"):
        await ask(way_to_targets(), place(target_server.port, "localhost", verified))


async def test_without_tls_only_an_allowed_network_is_spoken_to() -> None:
    # Nobody is dialled: the address is refused before that.
    way = way_to_targets(timeout=0.2)
    with pytest.raises(RefusedAddressError, match="without TLS"):
        await ask(way, place(5432, "10.255.255.1"))


async def test_the_session_bounds_itself_at_the_server(target_server: TargetServer) -> None:
    rows = await ask(
        way_to_targets(timeout=3.0),
        place(target_server.port),
        "SELECT current_setting('statement_timeout'), current_setting('search_path')",
    )
    assert rows == [("3s", "pg_catalog")]


async def test_a_refused_statement_leaves_the_session_usable(target_server: TargetServer) -> None:
    async with way_to_targets().postgresql(place(target_server.port)) as session:
        with pytest.raises(StatementRefusedError) as refusal:
            await session.run("SELECT secret_word FROM nowhere")
        assert refusal.value.sqlstate == "42P01"
        assert "secret_word" not in refusal.value.detail
        assert await session.rows("SELECT $1::text, NULL", "it's") == [("it's", None)]


async def test_a_session_is_used_again_and_nothing_of_its_last_holder_is_left(
    target_server: TargetServer,
) -> None:
    way, to = way_to_targets(), place(target_server.port)
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    async with way.postgresql(to) as session:
        first = await session.rows("SELECT pg_backend_pid(), pg_advisory_lock(4711)")
        await session.run("SET statement_timeout = 0")
        await session.run("CREATE TEMPORARY TABLE left_behind (id int)")
    async with way.postgresql(to) as session:
        assert (await session.rows("SELECT pg_backend_pid()"))[0][0] == first[0][0]
        assert await session.rows("SELECT current_setting('statement_timeout')") == [("5s",)]
        assert await session.rows(locks) == [("0",)]
        assert await session.rows("SELECT to_regclass('pg_temp.left_behind')") == [(None,)]


async def test_a_session_that_ended_badly_or_elsewhere_is_not_used_again(target_server: TargetServer) -> None:
    way, to = way_to_targets(), place(target_server.port)
    async with way.postgresql(to) as session:
        first = await session.rows("SELECT pg_backend_pid()")
        await session.run("BEGIN")
    second = await ask(way, to, "SELECT pg_backend_pid()")
    target_server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'kw_root'")
    third = await ask(way, to, "SELECT pg_backend_pid()")
    assert len({first[0], second[0], third[0]}) == 3


async def test_our_own_database_is_a_target_only_where_the_administrator_says_so(
    target_server: TargetServer,
) -> None:
    for url in (
        target_server.cluster.url("app"),  # by its Unix socket
        f"postgresql://keywright@127.0.0.1:{target_server.port}/app",
        f"postgresql://keywright@localhost:{target_server.port}/app",
    ):
        for is_allowed in (False, True):
            config = TargetConfig(allowed_networks=("127.0.0.0/8",), allow_own_database=is_allowed)
            way = Egress(
                ValidationConfig(), SystemClock(), SystemRandomness(), target=config, database_url=url
            ).targets()
            if is_allowed:
                assert await ask(way, place(target_server.port)) == [(ROOT,)]
            else:
                with pytest.raises(RefusedAddressError, match="own database"):
                    await ask(way, place(target_server.port))


async def test_nobody_there_is_said_with_every_address_that_was_tried() -> None:
    port = free_port()
    with pytest.raises(ConnectionFailedError) as failure:
        await ask(way_to_targets(), place(port, "localhost"))
    outcomes = {attempt.address: attempt.outcome for attempt in failure.value.attempts}
    assert outcomes["127.0.0.1"] == "connection refused"
    assert outcomes["::1"].startswith("refused: it is a loopback address")


async def test_a_server_that_lets_everybody_in_is_not_told_the_password() -> None:
    heard = b""

    async def trusting(streams: Streams) -> None:
        nonlocal heard
        heard += await streams[0].read(4096)
        streams[1].write(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
        heard += await streams[0].read(4096)

    async with listening(trusting) as port:
        with pytest.raises(LoginRefusedError):
            await ask(way_to_targets(), place(port))
    assert b"user\0" in heard
    assert ROOT_PASSWORD.encode() not in heard


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 5000])
async def test_what_is_no_postgresql_is_given_up_in_time(answer: bytes) -> None:
    async def serve(streams: Streams) -> None:
        streams[1].write(answer)
        await streams[0].read()
        await asyncio.Event().wait()

    async with listening(serve) as port:
        started = time.monotonic()
        with pytest.raises((TargetLostError, LoginRefusedError)) as failure:
            await ask(way_to_targets(timeout=0.5), place(port))
    assert time.monotonic() - started < 5
    assert "HTTP" not in failure.value.detail


async def test_a_server_that_falls_silent_is_given_up_in_time(target_server: TargetServer) -> None:
    async def nothing(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(between(target_server, nothing)) as port:
        with pytest.raises(TargetLostError, match=r"within 0\.5 s"):
            await ask(way_to_targets(timeout=0.5), place(port), "SELECT 'surprise'")


async def test_a_server_that_never_stops_talking_is_given_up_after_some_megabytes(
    target_server: TargetServer,
) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"D" + struct.pack("!ihi", 1_000_000_000, 1, 999_999_994))
        while True:
            writer.write(bytes(1024 * 1024))
            await writer.drain()
            sent += 1

    async with listening(between(target_server, flood)) as port:
        with pytest.raises(TargetLostError, match="more than 16 MiB"):
            await ask(way_to_targets(), place(port), "SELECT 'surprise'")
    assert sent < 64


async def test_a_session_that_was_lost_says_so_at_once(target_server: TargetServer) -> None:
    async with way_to_targets().postgresql(place(target_server.port)) as session:
        with pytest.raises((TargetLostError, StatementRefusedError)):
            await session.run("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(TargetLostError):
            await session.run("SELECT 1")


def test_the_settings_of_targets_are_bounded() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"timeout": 60}, TargetConfig)
