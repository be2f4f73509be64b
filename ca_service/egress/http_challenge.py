"""Fetching the answer to an http-01 challenge (RFC 8555 section 8.3).

Each host is resolved once for each hop and its addresses checked; the connection goes to what was checked.
The next address is tried only if no connection came about. Redirects are followed; what a host other than the
identifier's own answers is never shown (S3).
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from ca_service.config import ValidationConfig
from ca_service.egress.addresses import Address, is_private
from ca_service.egress.attempts import Attempt
from ca_service.egress.connection import Connector
from ca_service.egress.errors import (
    AnswerRefusedError,
    ConnectionFailedError,
    RefusedAddressError,
)
from ca_service.egress.resolver import Resolver
from ca_service.egress.response import MOST_BODY, Response, read_response
from ca_service.egress.targets import Target, TargetRefusedError, challenge_target, redirect_target

_REDIRECTS = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS = 10
_MOST_ADDRESSES = 8
_SHOWN = 100


class ChallengeAnswer(Struct, frozen=True):
    """The body of a 200 answer, at most 1 KiB, and where it came from.

    `shown` is its beginning with everything but printable ASCII escaped; empty if another host answered.
    """

    body: bytes
    shown: str
    host: str
    address: str
    port: int
    attempts: tuple[Attempt, ...]


class ChallengeFetcher:
    """Fetches challenges, each within the configured time."""

    def __init__(
        self,
        config: ValidationConfig,
        resolver: Resolver,
        connector: Connector,
        monotonic: Callable[[], float],
    ) -> None:
        self._config = config
        self._resolver = resolver
        self._connector = connector
        self._monotonic = monotonic

    async def fetch(self, host: str, path: str) -> ChallengeAnswer:
        """Return the answer at this path of the host.

        Raises DnsFailedError, RefusedAddressError, ConnectionFailedError, or AnswerRefusedError for a status,
        redirect or body that is refused.
        """
        attempts: list[Attempt] = []
        try:
            async with asyncio.timeout(self._config.timeout):
                return await _Fetch(
                    self._config, self._resolver, self._connector, self._deadline(), attempts
                ).run(challenge_target(host, path, self._config))
        except TimeoutError:
            where = f" (last tried {_place(attempts[-1])})" if attempts else ""
            raise ConnectionFailedError(
                f"{host} did not answer within {self._config.timeout:g} s{where}.", attempts=attempts
            ) from None

    def _deadline(self) -> Callable[[], float]:
        end = self._monotonic() + self._config.timeout
        return lambda: max(end - self._monotonic(), 0.001)


class _Fetch:
    """One fetch, over all its hops."""

    def __init__(
        self,
        config: ValidationConfig,
        resolver: Resolver,
        connector: Connector,
        seconds_left: Callable[[], float],
        attempts: list[Attempt],
    ) -> None:
        self._config = config
        self._resolver = resolver
        self._connector = connector
        self._seconds_left = seconds_left
        self._attempts = attempts
        self._own_addresses: frozenset[Address] = frozenset()

    async def run(self, first: Target) -> ChallengeAnswer:
        target, seen = first, {first.url}
        for _ in range(_MOST_REDIRECTS + 1):
            response, attempt = await self._request(target, first)
            if response.status not in _REDIRECTS:
                return self._accept(response, attempt, is_own=target.host == first.host)
            try:
                target = redirect_target(target, response.location, self._config)
            except TargetRefusedError as error:
                raise self._refused(f"{_place(attempt)} answered {response.status}, but {error}") from None
            if target.url in seen:
                raise self._refused(f"{_place(attempt)} redirects in a circle")
            seen.add(target.url)
        raise self._refused(f"{first.host} redirects more than {_MOST_REDIRECTS} times")

    async def _request(self, target: Target, first: Target) -> tuple[Response, Attempt]:
        addresses = (await self._resolver.addresses(target.host))[:_MOST_ADDRESSES]
        if target is first:
            self._own_addresses = frozenset(addresses)
        first_attempt = len(self._attempts)
        refusal: RefusedAddressError | None = None
        for index, address in enumerate(addresses):
            try:
                self._verify(target, address, is_redirect=target is not first)
                return await self._try(target, address, addresses_left=len(addresses) - index)
            except RefusedAddressError as error:
                refusal = error
                self._attempts += error.attempts
            except _NotConnectedError as error:
                self._attempts.append(error.attempt)
        tried = self._attempts[first_attempt:]
        if refusal is not None and all(attempt.outcome.startswith("refused:") for attempt in tried):
            raise RefusedAddressError(refusal.detail, attempts=self._attempts)
        listed = "; ".join(f"{attempt.address}: {attempt.outcome}" for attempt in tried)
        raise ConnectionFailedError(
            f"No connection to {target.host}, port {target.port} ({listed}). Is the web server running, and "
            "does a firewall let this host through?",
            attempts=self._attempts,
        )

    def _verify(self, target: Target, address: Address, *, is_redirect: bool) -> None:
        self._connector.verify_address(target.host, address, target.port)
        is_new = is_redirect and address not in self._own_addresses
        if is_new and is_private(address) and not self._connector.names_as_allowed(address):
            reason = "a redirect to a private address, which `allowed_networks` does not name"
            raise RefusedAddressError(
                f"{address} is refused: {reason}.",
                attempts=[Attempt(target.host, str(address), target.port, f"refused: {reason}")],
            )

    async def _try(
        self, target: Target, address: Address, *, addresses_left: int
    ) -> tuple[Response, Attempt]:
        is_connected = False
        try:
            async with self._connector.connect(
                address,
                target.port,
                seconds=self._seconds_left() / addresses_left,
                unverified_tls_for=target.host if target.scheme == "https" else None,
            ) as (reader, writer):
                is_connected = True
                attempt = Attempt(target.host, str(address), target.port, "connected")
                self._attempts.append(attempt)
                writer.write(_request_bytes(target))
                return await read_response(reader), attempt
        except ConnectionFailedError as error:
            if not is_connected:
                raise _NotConnectedError(
                    Attempt(target.host, str(address), target.port, error.detail)
                ) from error
            raise ConnectionFailedError(
                f"{target.host} ({address}, port {target.port}): {error.detail}", attempts=self._attempts
            ) from error
        except AnswerRefusedError as error:
            raise self._refused(f"{target.host} ({address}, port {target.port}): {error.detail}") from error
        except OSError as error:
            raise ConnectionFailedError(
                f"{target.host} ({address}, port {target.port}) broke the connection off.",
                attempts=self._attempts,
            ) from error

    def _accept(self, response: Response, attempt: Attempt, *, is_own: bool) -> ChallengeAnswer:
        shown = _escape(response.body[:_SHOWN]) if is_own and self._requests() == 1 else ""
        if response.status != 200:
            raise self._refused(
                f"{_place(attempt)} answered {response.status} instead of 200"
                + (f': "{shown}"' if shown else "."),
                status=response.status,
                shown=shown,
            )
        if len(response.body) > MOST_BODY:
            raise self._refused(f"The answer of {_place(attempt)} is too large: over {MOST_BODY} bytes.")
        return ChallengeAnswer(
            response.body, shown, attempt.host, attempt.address, attempt.port, tuple(self._attempts)
        )

    def _requests(self) -> int:
        return sum(attempt.outcome == "connected" for attempt in self._attempts)

    def _refused(self, detail: str, *, status: int | None = None, shown: str = "") -> AnswerRefusedError:
        return AnswerRefusedError(detail, attempts=self._attempts, status=status, shown=shown)


class _NotConnectedError(Exception):
    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.outcome)
        self.attempt = attempt


def _request_bytes(target: Target) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: keywright",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def _place(attempt: Attempt) -> str:
    return f"{attempt.host} ({attempt.address}, port {attempt.port})"


def _escape(raw: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in raw)
