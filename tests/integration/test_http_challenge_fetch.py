"""Fetching http-01 challenges from small servers on loopback, honest and hostile ones."""

import asyncio
from collections.abc import Mapping

import pytest

from ca_service.config import ValidationConfig
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
from tests.support.challenge_site import (
    HTTP_2_SETTINGS,
    TLS_ALERT,
    answer,
    drip,
    ok,
    redirect,
    stall,
    web,
)
from tests.support.dns_server import DnsServer
from tests.support.validation_egress import egress

PATH = "/.well-known/acme-challenge/token"
SECRET = "INTERNAL-SECRET-0451"


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


async def test_an_address_is_asked_itself_and_stands_in_the_host_header() -> None:
    """RFC 8738 section 4."""
    async with web(answer(ok("six")), "::1") as six:
        found = await egress(six.port, allowed_networks=("::1/128",)).fetch("::1", PATH)
    assert (found.body, six.requests[0][1]["host"]) == (b"six", "[::1]")


async def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await fetch(ok("x"))).body == b"x"


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
        (TLS_ALERT, "speaks TLS on this port"),
        (HTTP_2_SETTINGS, "speaks HTTP/2 only"),
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


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"", r"did not complete its headers within 0\.1 s"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", r"did not complete its headers within 0\.1 s"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", r"did not complete its headers within 0\.1 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", r"did not complete its body within 0\.1 s"),
    ],
)
async def test_a_server_that_stalls_is_cut_off_and_told_where(sent: bytes, sentence: str) -> None:
    async with web(stall(sent)) as site:
        with pytest.raises(ConnectionFailedError, match=sentence) as refused:
            await egress(site.port, timeout=0.2).fetch("127.0.0.1", PATH)
    assert [attempt.outcome for attempt in refused.value.attempts] == ["connected"]


@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;e\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"z"),
    ],
    ids=["headers", "framing", "body"],
)
async def test_a_slow_loris_is_cut_off(start: bytes, endless: bytes) -> None:
    async with web(drip(start, endless, 0.01)) as site:
        with pytest.raises(ConnectionFailedError, match=r"did not (complete|answer)"):
            await egress(site.port, timeout=0.3).fetch("127.0.0.1", PATH)


async def test_redirects_share_one_time_limit() -> None:
    """Each hop stays below its own bound; all of them together do not."""
    pages = iter(range(1, 100))

    async def later(_path: str, _headers: Mapping[str, str], writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(redirect(f"/{next(pages)}").encode())

    async with web(later) as site:
        with pytest.raises(ConnectionFailedError, match=r"did not answer within 0\.3 s \(last tried"):
            await egress(site.port, timeout=0.3).fetch("127.0.0.1", PATH)


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


async def test_our_own_listener_is_never_asked() -> None:
    async with web(answer(ok("ours"))) as site:
        config = ValidationConfig(http_port=site.port, allowed_networks=("127.0.0.0/8",))
        own = Egress(config, SystemClock(), SystemRandomness(), lambda: [("127.0.0.1", site.port)])
        with pytest.raises(RefusedAddressError, match="listener of Keywright itself"):
            await own.validation().fetch("127.0.0.1", PATH)
        assert site.requests == []
