"""Fetching http-01 challenges from small servers on loopback, honest and hostile ones."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca_service.config import ValidationConfig
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import generate_key
from ca_service.egress.egress import Egress
from ca_service.egress.errors import (
    AnswerRefusedError,
    ConnectionFailedError,
    EgressError,
    NameNotFoundError,
    RefusedAddressError,
)
from ca_service.egress.http_challenge import ChallengeAnswer
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.randomness import SystemRandomness
from tests.support.dns_server import DnsServer

PATH = "/.well-known/acme-challenge/token"
SECRET = "INTERNAL-SECRET-0451"
Handle: TypeAlias = Callable[[str, Mapping[str, str], asyncio.StreamWriter], Awaitable[None]]


class Web:
    """A web server that answers as a function of the test says, and remembers what it was asked."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
    handle: Handle, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Web]:
    site = Web(handle)
    server = await asyncio.start_server(site.serve, host, 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site


def answer(raw: str | bytes) -> Handle:
    async def handle(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(raw if isinstance(raw, bytes) else raw.encode())

    return handle


def ok(body: str, headers: str = "") -> str:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"


def egress(port: int, **settings: object) -> Egress:
    config = ValidationConfig(
        **{  # type: ignore[arg-type]
            "http_port": port,
            "allowed_networks": ("127.0.0.0/8",),
            "timeout": 3.0,
            **settings,
        }
    )
    return Egress(config, SystemClock(), SystemRandomness(), lambda: [("127.0.0.1", 8443)])


async def fetch(raw: str | bytes, **settings: object) -> ChallengeAnswer:
    async with web(answer(raw)) as site:
        return await egress(site.port, **settings).fetch("127.0.0.1", PATH)


async def test_the_body_of_an_answer_is_returned() -> None:
    assert (await fetch(ok("token.thumbprint"))).body == b"token.thumbprint"


async def test_localhost_falls_back_to_ipv4_when_ipv6_refuses_the_connection() -> None:
    async with web(answer(ok("x"))) as site:
        found = await egress(site.port, allowed_networks=("127.0.0.0/8", "::1/128")).fetch("localhost", PATH)
    assert [attempt.outcome for attempt in found.attempts] == ["connection refused", "connected"]


async def test_localhost_is_answered_by_ipv6_first() -> None:
    async with web(answer(ok("six")), "::1") as six:
        networks = ("127.0.0.0/8", "::1/128")
        found = await egress(six.port, allowed_networks=networks).fetch("localhost", PATH)
    assert (found.body, found.address) == (b"six", "::1")


async def test_the_request_is_plain_and_names_the_host_without_a_port() -> None:
    async with web(answer(ok("x"))) as site:
        await egress(site.port).fetch("127.0.0.1", PATH)
    path, headers = site.requests[0]
    assert (path, headers["host"], headers["user-agent"]) == (PATH, "127.0.0.1", "keywright")
    assert not {"cookie", "authorization", "accept-encoding", "proxy-authorization"} & headers.keys()


@pytest.mark.parametrize(
    "raw",
    [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\n\r\nabcde",
        "HTTP/1.1 100 Continue\r\n\r\n" + ok("abcde"),
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLocation: /x\r\n\r\n" + ok("abcde"),
        ok("abcde") + "HTTP/1.1 404 X\r\nContent-Length: 1\r\n\r\ny",
        ok("abcde") + "rubbish",
        ok("abcde", "X-Long: " + "y" * 8000 + "\r\n"),
    ],
)
async def test_an_answer_may_be_framed_in_any_way(raw: str) -> None:
    assert (await fetch(raw)).body == b"abcde"


async def test_an_answer_that_comes_byte_by_byte_is_read() -> None:
    async def slowly(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        for byte in ok("abc").encode():
            writer.write(bytes([byte]))
            await writer.drain()

    async with web(slowly) as site:
        assert (await egress(site.port).fetch("127.0.0.1", PATH)).body == b"abc"


@pytest.mark.parametrize("status", [201, 204, 206, 303, 400, 403, 404, 500, 503])
async def test_another_status_than_200_is_refused_with_what_the_host_said(status: int) -> None:
    body = "" if status == 204 else "not here"
    raw = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with pytest.raises(AnswerRefusedError, match=f"answered {status} instead of 200") as refused:
        await fetch(raw)
    assert (refused.value.status, refused.value.shown) == (status, body)


async def test_what_is_shown_is_short_and_escaped() -> None:
    body = "\x1b[31m\u00e9<b>" + "y" * 500
    raw = b"HTTP/1.1 404 X\r\n\r\n" + body.encode()
    with pytest.raises(AnswerRefusedError) as refused:
        await fetch(raw)
    assert refused.value.shown.startswith("\\x1b[31m\\xc3\\xa9<b>yyy")
    assert refused.value.shown.count("y") < 100
    assert refused.value.detail.isascii()


@pytest.mark.parametrize(
    "raw",
    [
        ok("x" * 1025),
        "HTTP/1.1 200 OK\r\n\r\n" + "x" * 2_000_000,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + "400\r\n" + "x" * 1024 + "\r\n1\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nX: " + "y" * 100_000 + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + "1;" + "e" * 70_000 + "\r\nx\r\n",
    ],
)
async def test_an_answer_beyond_its_bounds_is_too_large(raw: str) -> None:
    with pytest.raises(EgressError, match=r"too large|did not answer in HTTP"):
        await fetch(raw)


async def test_a_body_of_just_the_bound_is_accepted() -> None:
    assert len((await fetch(ok("x" * 1024))).body) == 1024


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS on this port"),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, "speaks HTTP/2 only"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "did not answer in HTTP/1.1"),
        (b"", "hung up before it answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "hung up before it answered"),
        (b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "did not answer in HTTP/1.1"),
        (b"HTTP/1.1 abc\r\n\r\n", "did not answer in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "did not answer in HTTP/1.1"),
    ],
)
async def test_another_protocol_is_named(raw: bytes, sentence: str) -> None:
    with pytest.raises(ConnectionFailedError, match=sentence):
        await fetch(raw)


async def stall(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    await writer.wait_closed()


async def test_a_server_that_never_finishes_is_cut_off() -> None:
    async with web(stall) as site:
        with pytest.raises(ConnectionFailedError, match=r"did not answer within 0\.2 s") as refused:
            await egress(site.port, timeout=0.2).fetch("127.0.0.1", PATH)
    assert [attempt.outcome for attempt in refused.value.attempts] == ["connected"]


async def test_a_port_without_a_server_is_named_with_its_address() -> None:
    async with web(answer("")) as site:
        port = site.port
    with pytest.raises(
        ConnectionFailedError, match=f"127.0.0.1, port {port} .*connection refused"
    ) as refused:
        await egress(port).fetch("127.0.0.1", PATH)
    assert refused.value.attempts[0].address == "127.0.0.1"


async def test_a_wrong_answer_is_not_asked_of_the_next_address() -> None:
    async with web(answer("HTTP/1.1 500 X\r\n\r\n"), "::1") as six:
        with pytest.raises(AnswerRefusedError):
            await egress(six.port, allowed_networks=("127.0.0.0/8", "::1/128")).fetch("localhost", PATH)


async def test_loopback_is_not_asked_unless_it_is_allowed() -> None:
    async with web(answer(ok(SECRET))) as site:
        with pytest.raises(RefusedAddressError):
            await egress(site.port, allowed_networks=()).fetch("127.0.0.1", PATH)
        assert site.requests == []


def redirect(location: str, status: int = 302) -> str:
    return f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"


def site_of(pages: Mapping[str, str]) -> Handle:
    async def handle(path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(pages.get(path, "HTTP/1.1 404 X\r\n\r\n").encode())

    return handle


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    async with web(site_of({PATH: redirect("/other?q=1", status), "/other?q=1": ok("x")})) as site:
        assert (await egress(site.port).fetch("127.0.0.1", PATH)).body == b"x"


async def test_ten_redirects_are_followed_and_eleven_are_not() -> None:
    pages = {PATH: redirect("/1")} | {f"/{number}": redirect(f"/{number + 1}") for number in range(1, 20)}
    async with web(site_of({**pages, "/10": ok("x")})) as site:
        assert (await egress(site.port).fetch("127.0.0.1", PATH)).body == b"x"
    async with web(site_of({**pages, "/11": ok("x")})) as site:
        with pytest.raises(AnswerRefusedError, match="more than 10 times"):
            await egress(site.port).fetch("127.0.0.1", PATH)


@pytest.mark.parametrize("location", [PATH, "/a"])
async def test_redirects_in_a_circle_are_refused(location: str) -> None:
    async with web(site_of({PATH: redirect(location), "/a": redirect(PATH)})) as site:
        with pytest.raises(AnswerRefusedError, match="in a circle"):
            await egress(site.port).fetch("127.0.0.1", PATH)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[fe80::1]/",
    ],
)
async def test_a_redirect_to_a_hostile_address_is_refused(location: str) -> None:
    async with web(answer(redirect(location))) as site:
        with pytest.raises(RefusedAddressError):
            await egress(site.port).fetch("127.0.0.1", PATH)


@pytest.mark.parametrize("location", ["http://10.1.2.3/", "http://192.168.0.1/", "http://[fd12::1]/"])
async def test_a_redirect_to_a_private_address_is_refused(location: str) -> None:
    async with web(answer(redirect(location))) as site:
        with pytest.raises(RefusedAddressError, match="a redirect to a private address"):
            await egress(site.port).fetch("127.0.0.1", PATH)


@pytest.mark.parametrize("location", ["ftp://b.example/", "http://127.0.0.1:22/", "http://u:p@127.0.0.1/"])
async def test_a_redirect_elsewhere_than_the_web_is_refused(location: str) -> None:
    async with web(answer(redirect(location))) as site:
        with pytest.raises(AnswerRefusedError, match="answered 302, but the redirect"):
            await egress(site.port).fetch("127.0.0.1", PATH)


async def test_a_redirect_without_a_location_is_refused() -> None:
    with pytest.raises(AnswerRefusedError, match="names no location"):
        await fetch("HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("status", ["404 " + SECRET, "200 OK"])
async def test_nothing_of_an_internal_server_behind_a_redirect_is_shown(status: str) -> None:
    internal = f"HTTP/1.1 {status}\r\nX-Secret: {SECRET}\r\n\r\n{SECRET}" + "x" * 2000
    async with web(answer(internal), "127.0.0.2") as hidden:
        # One port for both hosts, since only the ports of the web are followed.
        site = Web(answer(redirect("http://127.0.0.2/admin?token=" + SECRET)))
        async with await asyncio.start_server(site.serve, "127.0.0.1", hidden.port):
            with pytest.raises(AnswerRefusedError) as refused:
                await egress(hidden.port).fetch("127.0.0.1", PATH)
    shown = f"{refused.value.detail} {refused.value.shown} {refused.value.attempts}"
    assert SECRET not in shown
    assert "127.0.0.2" in shown


async def test_what_another_host_answers_is_not_shown_even_if_it_is_accepted() -> None:
    async with web(answer(ok("theirs")), "127.0.0.2") as other:
        site = Web(answer(redirect("http://127.0.0.2/x")))
        async with await asyncio.start_server(site.serve, "127.0.0.1", other.port):
            found = await egress(other.port).fetch("127.0.0.1", PATH)
    assert (found.body, found.shown) == (b"theirs", "")


def tls_server(folder: Path) -> ssl.SSLContext:
    key = generate_key(KeyAlgorithm.EC_P256)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "not the host at all")])
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key)
    builder = (
        builder.serial_number(1).not_valid_before(long_ago).not_valid_after(long_ago + timedelta(days=1))
    )
    certificate = builder.sign(key.certificate_key, SHA256())
    file = folder / "server.pem"
    pem = certificate.public_bytes(Encoding.PEM)
    file.write_bytes(key.pkcs8_pem().reveal().encode() + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_the_certificate_behind_a_redirect_to_https_is_not_verified(tmp_path: Path) -> None:
    async with (
        web(answer(ok("secure")), tls=tls_server(tmp_path)) as secure,
        web(answer(redirect("https://127.0.0.1/x"))) as site,
    ):
        found = await egress(site.port, https_port=secure.port).fetch("127.0.0.1", PATH)
    assert found.body == b"secure"


async def test_plain_http_on_the_port_of_https_is_a_failed_connection() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    plain = await asyncio.start_server(serve, "127.0.0.1", 0)
    plain_port = plain.sockets[0].getsockname()[1]
    async with plain, web(answer(redirect("https://127.0.0.1/x"))) as site:
        with pytest.raises(ConnectionFailedError, match="TLS failed"):
            await egress(site.port, https_port=plain_port, timeout=1.0).fetch("127.0.0.1", PATH)


async def test_a_name_is_resolved_by_the_configured_resolvers_only() -> None:
    zone = {("web.example", "A"): ["127.0.0.1"]}
    async with web(answer(ok("x"))) as site, DnsServer(zone) as dns:
        found = await egress(site.port, resolvers=(dns.address,)).fetch("web.example", PATH)
        assert site.requests[0][1]["host"] == "web.example"
    assert (found.host, found.address) == ("web.example", "127.0.0.1")


async def test_a_name_that_does_not_exist_is_told_so() -> None:
    async with DnsServer({}) as dns:
        with pytest.raises(NameNotFoundError, match="NXDOMAIN"):
            await egress(80, resolvers=(dns.address,)).fetch("missing.example", PATH)


async def test_all_addresses_of_a_name_are_tried_in_turn() -> None:
    zone = {("web.example", "A"): ["127.0.0.7", "127.0.0.1"], ("web.example", "AAAA"): ["::1"]}
    async with web(answer(ok("x"))) as site, DnsServer(zone) as dns:
        networks = ("127.0.0.0/8", "::1/128")
        found = await egress(site.port, resolvers=(dns.address,), allowed_networks=networks).fetch(
            "web.example", PATH
        )
    assert found.address == "127.0.0.1"
    assert found.attempts[0].address == "::1"


async def test_a_second_lookup_that_turns_private_is_refused() -> None:
    """DNS rebinding: public at first, private for the redirect."""
    zone = {("web.example", "A"): ["127.0.0.1"]}
    async with DnsServer(zone) as dns:

        async def rebind(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
            dns.zone["web.example", "A"] = ["10.0.0.1"]
            writer.write(redirect("/again").encode())

        async with web(rebind) as site:
            with pytest.raises(RefusedAddressError, match="private address"):
                await egress(site.port, resolvers=(dns.address,)).fetch("web.example", PATH)


async def test_our_own_listener_is_never_asked() -> None:
    async with web(answer(ok("ours"))) as site:
        config = ValidationConfig(http_port=site.port, allowed_networks=("127.0.0.0/8",))
        own = Egress(config, SystemClock(), SystemRandomness(), lambda: [("127.0.0.1", site.port)])
        with pytest.raises(RefusedAddressError, match="listener of Keywright itself"):
            await own.fetch("127.0.0.1", PATH)
        assert site.requests == []
