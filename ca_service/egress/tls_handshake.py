"""One TLS handshake with a stranger, to see the certificate it shows: for tls-alpn-01 (RFC 8737).

Bytes and time are bounded. The certificate is not verified here: whoever asked judges it.
"""

import asyncio
import ssl
from collections.abc import Callable
from functools import cache

from msgspec import Struct

from ca_service.egress.attempts import Attempt
from ca_service.egress.connection import Connector, Streams
from ca_service.egress.deadline import Deadline, within
from ca_service.egress.dialing import Destination, dial, place_of
from ca_service.egress.errors import ConnectionFailedError, HandshakeFailedError
from ca_service.egress.resolver import Resolver

_MOST_BYTES = 64 * 1024
_CHUNK = 4096
_PROTOCOL_REFUSED = "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
#: What OpenSSL calls some failures, in words; the rest stand as OpenSSL says them.
_REASONS = {
    "TLSV1_UNRECOGNIZED_NAME": "the server knows no such name (TLS alert unrecognized_name)",
    "TLSV1_ALERT_INTERNAL_ERROR": "the server failed (TLS alert internal_error)",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refused the handshake (TLS alert handshake_failure)",
    "TLSV1_ALERT_ACCESS_DENIED": "the server refused the handshake (TLS alert access_denied)",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server does not speak TLS 1.2 or 1.3",
    "UNSUPPORTED_PROTOCOL": "the server does not speak TLS 1.2 or 1.3",
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port",
    "UNKNOWN_PROTOCOL": "the server does not speak TLS on this port",
    "HTTP_REQUEST": "the server does not speak TLS on this port",
    "PACKET_LENGTH_TOO_LONG": "the server does not speak TLS on this port",
    "RECORD_LAYER_FAILURE": "the server does not speak TLS on this port",
}


class HandshakeAnswer(Struct, frozen=True):
    """What a handshake showed: the peer's certificate (DER, empty: none) and the negotiated ALPN protocol."""

    certificate: bytes
    protocol: str | None
    host: str
    address: str
    port: int
    attempts: tuple[Attempt, ...]


class HandshakeProbe:
    """Shakes hands with hosts, each within the configured time."""

    def __init__(
        self,
        resolver: Resolver,
        connector: Connector,
        monotonic: Callable[[], float],
        *,
        port: int,
        seconds: float,
    ) -> None:
        self._resolver = resolver
        self._connector = connector
        self._monotonic = monotonic
        self._port = port
        self._seconds = seconds

    async def shake_hands(self, host: str, server_name: str, protocol: str) -> HandshakeAnswer:
        """Return what a host shows to who asks for `server_name` (SNI) and offers one ALPN protocol.

        Raises DnsFailedError, RefusedAddressError, ConnectionFailedError, HandshakeFailedError.
        """
        attempts: list[Attempt] = []
        deadline = Deadline(self._seconds, self._monotonic)
        try:
            async with asyncio.timeout(deadline.whole):
                to = Destination(host, await self._resolver.addresses(host), self._port)
                async with dial(self._connector, to, deadline, attempts) as connection:
                    tls = _TlsClient(server_name, protocol)
                    await _run(tls, connection.streams, connection.attempt, deadline, attempts)
        except TimeoutError:
            where = f" (last tried {place_of(attempts[-1])})" if attempts else ""
            raise ConnectionFailedError(
                f"{host} did not answer within {deadline.whole:g} s{where}.", attempts=attempts
            ) from None
        reached = connection.attempt
        return HandshakeAnswer(
            tls.certificate, tls.protocol, reached.host, reached.address, reached.port, tuple(attempts)
        )


class _TlsClient:
    """The client's side of a handshake, without a socket: bytes in, bytes out."""

    def __init__(self, server_name: str, protocol: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context(protocol).wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    def advance(self, received: bytes) -> bool:
        """Take what the server sent and return whether the handshake is complete. Raises ssl.SSLError."""
        self._incoming.write(received)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def take_output(self) -> bytes:
        """Return what is to be sent to the server now."""
        return self._outgoing.read()

    @property
    def certificate(self) -> bytes:
        """Return the server's certificate, empty if it showed none."""
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def protocol(self) -> str | None:
        """Return the negotiated ALPN protocol."""
        return self._tls.selected_alpn_protocol()


async def _run(
    tls: _TlsClient, streams: Streams, attempt: Attempt, deadline: Deadline, attempts: list[Attempt]
) -> None:
    place = place_of(attempt)
    try:
        slow = f"{place} did not complete the TLS handshake within {deadline.part:g} s."
        async with within(deadline.part, slow):
            await _exchange(tls, *streams, place)
    except ssl.SSLError as error:
        raise _failure(place, _reason_of(error), attempts) from error
    except ConnectionFailedError as error:
        raise ConnectionFailedError(error.detail, attempts=attempts) from error
    except OSError as error:
        raise ConnectionFailedError(
            f"{place} broke the connection off during the TLS handshake.", attempts=attempts
        ) from error


async def _exchange(
    tls: _TlsClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str
) -> None:
    received, data = 0, b""
    while not tls.advance(data):
        writer.write(tls.take_output())
        data = await reader.read(_CHUNK)
        received += len(data)
        if not data:
            raise ConnectionFailedError(f"{place} hung up during the TLS handshake.")
        if received > _MOST_BYTES:
            raise ConnectionFailedError(f"{place} sent a TLS handshake of more than {_MOST_BYTES} bytes.")
    writer.write(tls.take_output())


def _failure(place: str, reason: str, attempts: list[Attempt]) -> HandshakeFailedError:
    if reason == _PROTOCOL_REFUSED:
        return HandshakeFailedError(
            f"{place} does not negotiate the ALPN protocol that was offered "
            "(TLS alert no_application_protocol).",
            attempts=attempts,
            has_refused_protocol=True,
        )
    words = _REASONS.get(reason, f"OpenSSL says {reason.lower().replace('_', ' ')}")
    return HandshakeFailedError(f"The TLS handshake with {place} failed: {words}.", attempts=attempts)


def _reason_of(error: ssl.SSLError) -> str:
    """Return OpenSSL's name of a failure; Python's table lacks some, and the message has the words."""
    if error.reason:
        return error.reason
    words = str(error).rpartition("] ")[2].partition(" (")[0]
    return words.upper().replace(" ", "_")


@cache
def _context(protocol: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    return context
