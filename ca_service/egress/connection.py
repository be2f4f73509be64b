"""One outgoing connection: to an address that was checked, with no second lookup and no proxy."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from functools import cache
from socket import AF_INET, AF_INET6, SOCK_DGRAM, socket
from typing import TypeAlias

from ca_service.egress.addresses import Address, AddressTable, fold, is_loopback, parse_address
from ca_service.egress.attempts import Attempt
from ca_service.egress.errors import ConnectionFailedError, RefusedAddressError

_STREAM_LIMIT = 16 * 1024

#: Says where our own listeners are, as (address, port); a wildcard address stands for every address we have.
OwnListeners = Callable[[], Collection[tuple[str, int]]]
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connector:
    """Checks addresses for one class of egress and connects to those that pass."""

    def __init__(self, table: AddressTable, own_listeners: OwnListeners) -> None:
        self._table = table
        self._own_listeners = own_listeners

    def names_as_allowed(self, address: Address) -> bool:
        """Tell whether the administrator allowed this address by name."""
        return self._table.names_as_allowed(address)

    def verify_address(self, host: str, address: Address, port: int) -> None:
        """Raises RefusedAddressError."""
        reason = self._table.refusal(address)
        if reason is None and self._is_own_listener(address, port):
            reason = "it is a listener of Keywright itself"
        if reason is not None:
            detail = f"{host} resolves to {address}, which is refused: {reason}."
            if host == str(address):
                detail = f"{address} is refused: {reason}."
            raise RefusedAddressError(
                detail, attempts=[Attempt(host, str(address), port, f"refused: {reason}")]
            )

    @asynccontextmanager
    async def connect(
        self, address: Address, port: int, *, seconds: float, unverified_tls_for: str | None = None
    ) -> AsyncIterator[Streams]:
        """Lend the streams of a connection to a checked address; closed at the end, without waiting.

        With `unverified_tls_for` the connection speaks TLS to that name, and its certificate is not verified.
        Raises ConnectionFailedError.
        """
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection(
                    str(address),
                    port,
                    limit=_STREAM_LIMIT,
                    ssl=None if unverified_tls_for is None else _unverified_tls(),
                    server_hostname=unverified_tls_for,
                )
        except TimeoutError:
            raise ConnectionFailedError("timed out") from None
        except ssl.SSLError as error:
            raise ConnectionFailedError(f"TLS failed ({error.reason or 'handshake'})") from error
        except OSError as error:
            raise ConnectionFailedError(_reason(error)) from error
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def _is_own_listener(self, address: Address, port: int) -> bool:
        return is_listener(address, port, self._own_listeners())


def is_listener(address: Address, port: int, listeners: Collection[tuple[str, int]]) -> bool:
    """Tell whether one of the listeners is meant; a wildcard stands for every address of this machine."""
    for text, own_port in listeners:
        own = parse_address(text)
        if own is None or own_port != port:
            continue
        if own == fold(address) or (own.is_unspecified and is_own_address(address)):
            return True
    return False


def is_own_address(address: Address) -> bool:
    """Tell whether an address is one of this machine: the system would send from it to reach it."""
    folded = fold(address)
    if is_loopback(folded):
        return True
    family = AF_INET if folded.version == 4 else AF_INET6
    with socket(family, SOCK_DGRAM) as probe:  # connecting a datagram socket sends nothing
        try:
            probe.connect((str(folded), 9))
            return bool(parse_address(probe.getsockname()[0]) == folded)
        except OSError:
            return False


@cache
def _unverified_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _reason(error: OSError) -> str:
    text = error.strerror or type(error).__name__
    if isinstance(error, ConnectionRefusedError):
        text = "connection refused"
    return text[:1].lower() + text[1:]
