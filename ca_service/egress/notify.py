"""Telling others: one POST to a webhook, one message to a mail server (class `notify`, S4).

The host is resolved once and its addresses are checked; the connection goes to what was checked, without a
proxy and without redirects. TLS is verified. Without TLS only what `[notify] allowed_networks` names is
spoken to. Bytes and time are bounded.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from ca_service.config import ConfigError, NotifyConfig
from ca_service.egress.addresses import Address
from ca_service.egress.attempts import Attempt
from ca_service.egress.connection import Connector, Streams
from ca_service.egress.deadline import Deadline
from ca_service.egress.dialing import Destination, dial, place_of
from ca_service.egress.errors import ConnectionFailedError, RefusedAddressError
from ca_service.egress.mail_server import MailServer
from ca_service.egress.resolver import Resolver
from ca_service.egress.response import read_response

_PORTS = {"https": 443, "http": 80}


class _Url(Struct, frozen=True):
    scheme: str
    host: str
    port: int
    authority: str
    path: str


class NotifyEgress:
    """Posts and mails, each within the configured time."""

    def __init__(
        self,
        config: NotifyConfig,
        resolver: Resolver,
        connector: Connector,
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._resolver = resolver
        self._connector = connector
        self._monotonic = monotonic
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a body and return the status of the answer, which is not read further.

        Raises DnsFailedError, RefusedAddressError, ConnectionFailedError, AnswerRefusedError.
        """
        to = _parse(url)
        attempts: list[Attempt] = []
        deadline = Deadline(self._config.timeout, self._monotonic)
        try:
            async with asyncio.timeout(deadline.whole):
                addresses = await self._resolver.addresses(to.host)
                destination = Destination(to.host, addresses, to.port)
                verify = self._verifying(to.host, to.port, is_protected=to.scheme == "https")
                async with dial(self._connector, destination, deadline, attempts, verify) as connection:
                    place = place_of(connection.attempt)
                    return await self._ask(to, headers, body, connection.streams, place, deadline)
        except TimeoutError:
            raise ConnectionFailedError(
                f"{to.host} did not answer within {deadline.whole:g} s.", attempts=attempts
            ) from None

    async def _ask(
        self,
        to: _Url,
        headers: Mapping[str, str],
        body: bytes,
        streams: Streams,
        place: str,
        deadline: Deadline,
    ) -> int:
        reader, writer = streams
        try:
            if to.scheme == "https":
                await writer.start_tls(self._verified_tls(), server_hostname=to.host)
            writer.write(_request(to, headers, body))
            await writer.drain()
            return (await read_response(reader, part_seconds=deadline.part)).status
        except ssl.SSLCertVerificationError as error:
            raise ConnectionFailedError(f"{place}: TLS refused ({error.verify_message}).") from error
        except ssl.SSLError as error:
            raise ConnectionFailedError(f"{place}: TLS failed ({error.reason or 'handshake'}).") from error
        except OSError as error:
            raise ConnectionFailedError(f"{place} broke the connection off.") from error

    async def send_mail(self, server: MailServer, message: bytes, recipients: tuple[str, ...]) -> None:
        """Hand a message to a mail server (RFC 5321).

        Raises DnsFailedError, RefusedAddressError, ConnectionFailedError, AnswerRefusedError.
        """
        # Half a megabyte of standard library, for those who have a mail server.
        from ca_service.egress.mail import send_over

        verify = self._verifying(server.host, server.port, is_protected=server.is_protected)
        refusal: RefusedAddressError | None = None
        failure: ConnectionFailedError | None = None
        try:
            async with asyncio.timeout(self._config.timeout):
                for address in await self._resolver.addresses(server.host):
                    try:
                        self._connector.verify_address(server.host, address, server.port)
                        verify(address)
                    except RefusedAddressError as error:
                        refusal = error
                        continue
                    try:
                        await send_over(
                            server, address, message, recipients, self._verified_tls(), self._config.timeout
                        )
                    except ConnectionFailedError as error:
                        failure = error
                    else:
                        return
        except TimeoutError:
            raise ConnectionFailedError(
                f"{server.host} did not take the message within {self._config.timeout:g} s."
            ) from None
        raise failure or refusal or ConnectionFailedError(f"{server.host} has no address.")

    def _verifying(self, host: str, port: int, *, is_protected: bool) -> Callable[[Address], None]:
        def verify(address: Address) -> None:
            if is_protected or self._connector.names_as_allowed(address):
                return
            reason = "without TLS only networks are spoken to that `[notify] allowed_networks` names"
            raise RefusedAddressError(
                f"{host} is refused: {reason}.",
                attempts=[Attempt(host, str(address), port, f"refused: {reason}")],
            )

        return verify

    def _verified_tls(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = _verifying_context(self._config.ca_file)
        return self._tls


def _verifying_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the client's side of verified TLS. Raises ConfigError for a file that holds no certificates."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(Path(ca_file).expanduser())
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"configuration: `notify.ca_file` cannot be read: {error}") from error
    return context


def _parse(url: str) -> _Url:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if parts.port is None else f"{shown}:{parts.port}"
    return _Url(parts.scheme, host, port, authority, path)


def _request(to: _Url, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {to.path} HTTP/1.1",
        f"Host: {to.authority}",
        "User-Agent: keywright",
        "Accept: */*",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii") + body
