"""Handshakes for tls-alpn-01 with responders on loopback, right ones and wrong ones (RFC 8737)."""

import ssl

import pytest

from ca_service.egress.errors import (
    ConnectionFailedError,
    EgressError,
    HandshakeFailedError,
    NameNotFoundError,
    RefusedAddressError,
)
from ca_service.egress.tls_handshake import HandshakeAnswer
from tests.support.alpn_responder import PROTOCOL, Shown, responder
from tests.support.challenge_site import ok, raw_server
from tests.support.dns_server import DnsServer
from tests.support.validation_egress import egress

NAME = "web.example"
ZONE = {(NAME, "A"): ["127.0.0.1"]}


async def shake(port: int, timeout: float = 3.0) -> HandshakeAnswer:
    async with DnsServer(ZONE) as dns:
        outside = egress(tls_alpn_port=port, resolvers=(dns.address,), timeout=timeout)
        return await outside.shake_hands(NAME, NAME, PROTOCOL)


async def test_the_certificate_and_the_protocol_are_returned() -> None:
    shown = Shown(NAME, "token.thumbprint")
    async with responder(shown) as server:
        found = await shake(server.port)
    assert (found.certificate, found.protocol) == (shown.der, PROTOCOL)
    assert (found.host, found.address, found.port) == (NAME, "127.0.0.1", server.port)


async def test_the_name_stands_in_the_sni() -> None:
    async with responder(Shown(NAME, "k")) as server:
        await shake(server.port)
        assert server.asked == [NAME]


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("127.0.0.1", "1.0.0.127.in-addr.arpa"),
        ("::1", "1." + "0." * 31 + "ip6.arpa"),
    ],
)
async def test_an_address_is_asked_for_by_its_arpa_name(address: str, asked: str) -> None:
    """RFC 8738 section 6."""
    shown = Shown(address, "k")
    async with responder(shown, host=address) as server:
        outside = egress(tls_alpn_port=server.port, allowed_networks=("127.0.0.0/8", "::1/128"))
        found = await outside.shake_hands(address, asked, PROTOCOL)
        assert (server.asked, found.certificate) == ([asked], shown.der)


async def test_a_server_without_the_protocol_is_told_so() -> None:
    async with responder() as server:
        server.show(Shown(NAME, "k"), ())
        assert (await shake(server.port)).protocol is None


async def test_a_server_of_other_protocols_is_told_so() -> None:
    async with responder() as server:
        server.show(Shown(NAME, "k"), ("h2", "http/1.1"))
        found = await shake(server.port)
    assert found.protocol is None


async def test_a_server_that_knows_no_such_name_is_told_so() -> None:
    async with responder(Shown("other.example", "k")) as server:
        with pytest.raises(HandshakeFailedError, match="knows no such name") as refused:
            await shake(server.port)
    assert not refused.value.has_refused_protocol


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_of_tls_are_spoken(version: ssl.TLSVersion) -> None:
    async with responder() as server:
        shown = Shown(NAME, "k")
        server.show(shown)
        server.limit(version)
        assert (await shake(server.port)).certificate == shown.der


async def test_a_server_of_tls_1_1_is_refused() -> None:
    async with responder(Shown(NAME, "k")) as server:
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            server.limit(ssl.TLSVersion.TLSv1_1)
        with pytest.raises(HandshakeFailedError, match=r"does not speak TLS 1\.2 or 1\.3"):
            await shake(server.port)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (ok("hello"), "does not speak TLS on this port"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "does not speak TLS on this port"),
        (b"\x15\x03\x03\x00\x02\x02\x78", "ALPN protocol that was offered"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "handshake_failure"),
        (b"\x15\x03\x03\x00\x02\x02\x50", "internal_error"),
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", "handshake with"),
        (b"\x00" * 100, "handshake with"),
        (b"\xff" * 100_000, "handshake"),
    ],
)
async def test_what_is_no_handshake_is_named(raw: str | bytes, sentence: str) -> None:
    async with raw_server(raw) as port:
        with pytest.raises(EgressError, match=sentence):
            await shake(port)


async def test_a_refusal_of_the_protocol_is_marked_as_such() -> None:
    async with raw_server(b"\x15\x03\x03\x00\x02\x02\x78") as port:
        with pytest.raises(HandshakeFailedError) as refused:
            await shake(port)
    assert refused.value.has_refused_protocol


async def test_a_server_that_hangs_up_is_trouble_on_the_way() -> None:
    async with raw_server(b"\x16\x03\x03", hangs_up=True) as port:
        with pytest.raises(ConnectionFailedError, match="hung up during the TLS handshake"):
            await shake(port)


async def test_a_server_that_says_nothing_is_cut_off() -> None:
    async with raw_server(None) as port:
        with pytest.raises(ConnectionFailedError, match=r"TLS handshake within 0\.15 s") as refused:
            await shake(port, timeout=0.3)
    assert [attempt.outcome for attempt in refused.value.attempts] == ["connected"]


async def test_a_handshake_without_end_is_cut_off_after_64_kib() -> None:
    """Records of a ServerHello that never comes to its end."""
    record = b"\x16\x03\x03\x40\x00" + (b"\x02\xff\xff\xff" + b"\x00" * 16380)
    async with raw_server(record * 64) as port:
        with pytest.raises(EgressError, match=r"more than 65536 bytes|handshake with"):
            await shake(port)


async def test_a_port_without_a_server_is_named_with_its_address() -> None:
    async with raw_server(b"") as port:
        pass
    with pytest.raises(ConnectionFailedError, match=f"No connection to web.example, port {port} .*refused"):
        await shake(port)


async def test_ipv6_is_tried_first_and_ipv4_after_a_failed_connection() -> None:
    zone = {(NAME, "A"): ["127.0.0.1"], (NAME, "AAAA"): ["::1"]}
    async with responder(Shown(NAME, "k")) as server, DnsServer(zone) as dns:
        networks = ("127.0.0.0/8", "::1/128")
        outside = egress(tls_alpn_port=server.port, resolvers=(dns.address,), allowed_networks=networks)
        found = await outside.shake_hands(NAME, NAME, PROTOCOL)
    assert [attempt.address for attempt in found.attempts] == ["::1", "127.0.0.1"]


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "224.0.0.1"])
async def test_a_refused_address_is_not_connected_to(address: str) -> None:
    outside = egress(tls_alpn_port=443, allowed_networks=())
    with pytest.raises(RefusedAddressError):
        await outside.shake_hands(address, "x.arpa", PROTOCOL)


async def test_a_name_that_does_not_exist_is_told_so() -> None:
    async with DnsServer({}) as dns:
        with pytest.raises(NameNotFoundError):
            await egress(resolvers=(dns.address,)).shake_hands("missing.example", "x", PROTOCOL)
