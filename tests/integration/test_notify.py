"""Webhooks and mail go out over the real way: to loopback, where that is allowed, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from ca_service.config import NotifyConfig, ValidationConfig
from ca_service.egress.egress import Egress
from ca_service.egress.errors import AnswerRefusedError, ConnectionFailedError, RefusedAddressError
from ca_service.egress.mail_server import MailProtection, MailServer
from ca_service.egress.notify import NotifyEgress
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.randomness import SystemRandomness

ALLOWED = NotifyConfig(allowed_networks=("127.0.0.0/8",), timeout=5.0)
BODY = b'{"type":"test"}'


def egress(config: NotifyConfig = ALLOWED) -> NotifyEgress:
    return Egress(ValidationConfig(), SystemClock(), SystemRandomness(), notify=config).notifier()


class Receiver:
    """Keeps what it is sent, and answers as it is told."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.received = b""
        self.port = 0

    async def take_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received += await reader.readuntil(b"\r\n\r\n")
        self.received += await reader.readexactly(len(BODY))
        writer.write(self.answer)

    async def take_mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak as much SMTP as one message needs (RFC 5321), without any extension."""
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            self.received += line
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                self.received += await reader.readuntil(b"\r\n.\r\n")
            if verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            is_refused = verb == b"RCPT" and self.answer
            writer.write(self.answer if is_refused else b"250 well\r\n")


@asynccontextmanager
async def listening(receiver: Receiver, *, mail: bool = False) -> AsyncIterator[Receiver]:
    """Listen on loopback, and see the connections to their ends."""
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            await (receiver.take_mail if mail else receiver.take_request)(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
    await asyncio.gather(*under_way)


async def test_a_body_arrives_with_its_headers() -> None:
    async with listening(Receiver(b"HTTP/1.1 204 No Content\r\n\r\n")) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/in?x=1"
        assert await egress().post(url, {"webhook-id": "dlv_1"}, BODY) == 204
    head, _, body = receiver.received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert (lines[0], body) == ("POST /in?x=1 HTTP/1.1", BODY)
    assert {f"Host: 127.0.0.1:{receiver.port}", "webhook-id: dlv_1"} < set(lines)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with listening(Receiver()) as elsewhere:
        away = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\n\r\n"
        async with listening(Receiver(away.encode())) as receiver:
            assert await egress().post(f"http://127.0.0.1:{receiver.port}/", {}, BODY) == 302
    assert elsewhere.received == b""


async def test_loopback_is_refused_unless_it_is_allowed() -> None:
    async with listening(Receiver()) as receiver:
        for config in (NotifyConfig(), NotifyConfig(allowed_networks=("10.0.0.0/8",))):
            with pytest.raises(RefusedAddressError):
                await egress(config).post(f"http://127.0.0.1:{receiver.port}/", {}, BODY)
    assert receiver.received == b""


async def test_tls_that_is_none_is_a_failure_and_sends_nothing_of_the_event() -> None:
    async with listening(Receiver(b"HTTP/1.1 204 No Content\r\n\r\n")) as receiver:
        with pytest.raises(ConnectionFailedError):
            await egress(NotifyConfig(allowed_networks=("127.0.0.0/8",), timeout=1.0)).post(
                f"https://127.0.0.1:{receiver.port}/", {}, BODY
            )
    assert BODY not in receiver.received


def server_at(port: int) -> MailServer:
    return MailServer(host="127.0.0.1", port=port, protection=MailProtection.NONE, sender="pki@example.org")


async def test_a_message_is_handed_to_a_mail_server() -> None:
    async with listening(Receiver(), mail=True) as receiver:
        await egress().send_mail(server_at(receiver.port), b"Subject: x\r\n\r\nhello\r\n", ("a@b.test",))
    assert b"mail FROM:<pki@example.org>" in receiver.received
    assert b"rcpt TO:<a@b.test>" in receiver.received
    assert b"hello\r\n.\r\n" in receiver.received


async def test_a_mail_server_that_wants_no_recipient_is_named() -> None:
    async with listening(Receiver(b"550 nobody\r\n"), mail=True) as receiver:
        with pytest.raises(AnswerRefusedError, match="refused every recipient"):
            await egress().send_mail(server_at(receiver.port), b"Subject: x\r\n\r\nx\r\n", ("a@b.test",))


async def test_a_password_is_not_sent_to_a_server_without_starttls() -> None:
    server = MailServer(
        host="127.0.0.1", port=0, protection=MailProtection.STARTTLS, sender="pki@example.org"
    )
    async with listening(Receiver(), mail=True) as receiver:
        from msgspec.structs import replace

        with pytest.raises(AnswerRefusedError):
            await egress().send_mail(
                replace(server, port=receiver.port), b"Subject: x\r\n\r\nx\r\n", ("a@b.c",)
            )
    assert b"mail FROM" not in receiver.received
