"""What validations of ACME may do outside, with one set of name servers, each within the configured time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ca_service.config import ValidationConfig
from ca_service.egress.connection import Connector
from ca_service.egress.errors import DnsFailedError
from ca_service.egress.http_challenge import ChallengeAnswer, ChallengeFetcher
from ca_service.egress.records import CaaRecord, TextRecords
from ca_service.egress.resolver import Resolver
from ca_service.egress.tls_handshake import HandshakeAnswer, HandshakeProbe

T = TypeVar("T")


class ValidationEgress:
    """Fetches, asks DNS and shakes hands; every address passes the table of the class `validation`."""

    def __init__(
        self,
        config: ValidationConfig,
        resolver: Resolver,
        connector: Connector,
        monotonic: Callable[[], float],
    ) -> None:
        self._resolver = resolver
        self._seconds = config.timeout
        self._fetcher = ChallengeFetcher(config, resolver, connector, monotonic)
        self._probe = HandshakeProbe(
            resolver, connector, monotonic, port=config.tls_alpn_port, seconds=config.timeout
        )

    async def fetch(self, host: str, path: str) -> ChallengeAnswer:
        """Return the answer to an http-01 challenge; see `ChallengeFetcher.fetch` for what it raises."""
        return await self._fetcher.fetch(host, path)

    async def texts(self, name: str) -> TextRecords:
        """Return the TXT records of a name, aliases followed. Raises DnsFailedError, NameNotFoundError."""
        return await self._in_time(self._resolver.texts(name), name)

    async def caa(self, name: str) -> tuple[CaaRecord, ...]:
        """Return the CAA records of a name, none if there are none. Raises DnsFailedError."""
        return await self._in_time(self._resolver.caa(name), name)

    async def shake_hands(self, host: str, server_name: str, protocol: str) -> HandshakeAnswer:
        """Return what a host shows in a TLS handshake; see `HandshakeProbe.shake_hands`."""
        return await self._probe.shake_hands(host, server_name, protocol)

    async def _in_time(self, asking: Awaitable[T], name: str) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await asking
        except TimeoutError:
            raise DnsFailedError(
                f"DNS: {name} was not resolved within {self._seconds:g} s; its servers are slow.",
                name=name,
                resolver="",
                rcode="TIMEOUT",
            ) from None
