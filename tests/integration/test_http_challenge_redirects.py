"""Where http-01 challenges are redirected to, and what is shown of it (S3)."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import generate_key
from ca_service.egress.errors import (
    AnswerRefusedError,
    ConnectionFailedError,
    RefusedAddressError,
)
from ca_service.egress.http_challenge import ChallengeAnswer
from tests.support.challenge_site import (
    Site,
    answer,
    ok,
    redirect,
    site_of,
    web,
)
from tests.support.dns_server import DnsServer
from tests.support.validation_egress import egress

PATH = "/.well-known/acme-challenge/token"
SECRET = "INTERNAL-SECRET-0451"


async def fetch(raw: str | bytes, **settings: object) -> ChallengeAnswer:
    async with web(answer(raw)) as site:
        return await egress(site.port, **settings).fetch("127.0.0.1", PATH)


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
        site = Site(answer(redirect("http://127.0.0.2/admin?token=" + SECRET)))
        async with await asyncio.start_server(site.serve, "127.0.0.1", hidden.port):
            with pytest.raises(AnswerRefusedError) as refused:
                await egress(hidden.port).fetch("127.0.0.1", PATH)
    shown = f"{refused.value.detail} {refused.value.shown} {refused.value.attempts}"
    assert SECRET not in shown
    assert "127.0.0.2" in shown


async def test_what_another_host_answers_is_not_shown_even_if_it_is_accepted() -> None:
    async with web(answer(ok("theirs")), "127.0.0.2") as other:
        site = Site(answer(redirect("http://127.0.0.2/x")))
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
