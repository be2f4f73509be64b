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
from ca_service.egress.connection import Connector, Streams
from ca_service.egress.deadline import Deadline
from ca_service.egress.dialing import Destination, dial, place_of
from ca_service.egress.errors import AnswerRefusedError, ConnectionFailedError, RefusedAddressError
from ca_service.egress.resolver import Resolver
from ca_service.egress.response import MOST_BODY, Response, read_response
from ca_service.egress.shown import escape
from ca_service.egress.targets import Target, TargetRefusedError, challenge_target, redirect_target

_REDIRECTS = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS = 10


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
        deadline = Deadline(self._config.timeout, self._monotonic)
        try:
            async with asyncio.timeout(deadline.whole):
                fetch = _Fetch(self._config, self._resolver, self._connector, deadline, attempts)
                return await fetch.run(challenge_target(host, path, self._config))
        except TimeoutError:
            where = f" (last tried {place_of(attempts[-1])})" if attempts else ""
            raise ConnectionFailedError(
                f"{host} did not answer within {self._config.timeout:g} s{where}.", attempts=attempts
            ) from None


class _Fetch:
    """One fetch, over all its hops."""

    def __init__(
        self,
        config: ValidationConfig,
        resolver: Resolver,
        connector: Connector,
        deadline: Deadline,
        attempts: list[Attempt],
    ) -> None:
        self._config = config
        self._resolver = resolver
        self._connector = connector
        self._deadline = deadline
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
                raise self._refused(f"{place_of(attempt)} answered {response.status}, but {error}") from None
            if target.url in seen:
                raise self._refused(f"{place_of(attempt)} redirects in a circle")
            seen.add(target.url)
        raise self._refused(f"{first.host} redirects more than {_MOST_REDIRECTS} times")

    async def _request(self, target: Target, first: Target) -> tuple[Response, Attempt]:
        addresses = await self._resolver.addresses(target.host)
        if target is first:
            self._own_addresses = frozenset(addresses)

        def verify(address: Address) -> None:
            if target is not first:
                self._verify_redirect(target, address)

        to = Destination(target.host, addresses, target.port, unverified_tls=target.scheme == "https")
        async with dial(self._connector, to, self._deadline, self._attempts, verify) as connection:
            try:
                return await self._ask(target, connection.streams), connection.attempt
            except ConnectionFailedError as error:
                raise ConnectionFailedError(
                    f"{place_of(connection.attempt)}: {error.detail}", attempts=self._attempts
                ) from error
            except AnswerRefusedError as error:
                raise self._refused(f"{place_of(connection.attempt)}: {error.detail}") from error
            except OSError as error:
                raise ConnectionFailedError(
                    f"{place_of(connection.attempt)} broke the connection off.", attempts=self._attempts
                ) from error

    async def _ask(self, target: Target, streams: Streams) -> Response:
        reader, writer = streams
        writer.write(_request_bytes(target))
        return await read_response(reader, part_seconds=self._deadline.part)

    def _verify_redirect(self, target: Target, address: Address) -> None:
        is_new = address not in self._own_addresses
        if is_new and is_private(address) and not self._connector.names_as_allowed(address):
            reason = "a redirect to a private address, which `allowed_networks` does not name"
            raise RefusedAddressError(
                f"{address} is refused: {reason}.",
                attempts=[Attempt(target.host, str(address), target.port, f"refused: {reason}")],
            )

    def _accept(self, response: Response, attempt: Attempt, *, is_own: bool) -> ChallengeAnswer:
        shown = escape(response.body) if is_own and self._requests() == 1 else ""
        if response.status != 200:
            raise self._refused(
                f"{place_of(attempt)} answered {response.status} instead of 200"
                + (f': "{shown}"' if shown else "."),
                status=response.status,
                shown=shown,
            )
        if len(response.body) > MOST_BODY:
            raise self._refused(f"The answer of {place_of(attempt)} is too large: over {MOST_BODY} bytes.")
        return ChallengeAnswer(
            response.body, shown, attempt.host, attempt.address, attempt.port, tuple(self._attempts)
        )

    def _requests(self) -> int:
        return sum(attempt.outcome == "connected" for attempt in self._attempts)

    def _refused(self, detail: str, *, status: int | None = None, shown: str = "") -> AnswerRefusedError:
        return AnswerRefusedError(detail, attempts=self._attempts, status=status, shown=shown)


def _request_bytes(target: Target) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: keywright",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")
