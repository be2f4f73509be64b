"""From the addresses of a host to one connection: each is checked, and tried once, in turn.

The next address is tried only if no connection came about: what a host answers is not asked for again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from msgspec import Struct

from ca_service.egress.addresses import Address
from ca_service.egress.attempts import Attempt
from ca_service.egress.connection import Connector, Streams
from ca_service.egress.deadline import Deadline
from ca_service.egress.errors import ConnectionFailedError, RefusedAddressError

MOST_ADDRESSES = 8


class Destination(Struct, frozen=True):
    """Where to: a host with its addresses; with `unverified_tls` the connection speaks TLS to that host."""

    host: str
    addresses: Sequence[Address]
    port: int
    unverified_tls: bool = False


class Connection(NamedTuple):
    """An open connection, and which attempt made it."""

    streams: Streams
    attempt: Attempt


@asynccontextmanager
async def dial(
    connector: Connector,
    to: Destination,
    deadline: Deadline,
    attempts: list[Attempt],
    verify: Callable[[Address], None] | None = None,
) -> AsyncIterator[Connection]:
    """Lend a connection to the first address that takes one; adds what was tried to `attempts`.

    `verify` refuses addresses beyond what the connector refuses. Raises RefusedAddressError if every address
    is refused, ConnectionFailedError if none takes a connection.
    """
    addresses = to.addresses[:MOST_ADDRESSES]
    first = len(attempts)
    refusal: RefusedAddressError | None = None
    async with AsyncExitStack() as opened:
        for index, address in enumerate(addresses):
            try:
                connector.verify_address(to.host, address, to.port)
                if verify is not None:
                    verify(address)
                lent = connector.connect(
                    address,
                    to.port,
                    seconds=deadline.for_one_of(len(addresses) - index),
                    unverified_tls_for=to.host if to.unverified_tls else None,
                )
                streams = await opened.enter_async_context(lent)
            except RefusedAddressError as error:
                refusal = error
                attempts += error.attempts
            except ConnectionFailedError as error:
                attempts.append(Attempt(to.host, str(address), to.port, error.detail))
            else:
                attempt = Attempt(to.host, str(address), to.port, "connected")
                attempts.append(attempt)
                yield Connection(streams, attempt)
                return
    raise _not_connected(to, attempts, first, refusal)


def place_of(attempt: Attempt) -> str:
    """Return an attempt as errors name it."""
    return f"{attempt.host} ({attempt.address}, port {attempt.port})"


def _not_connected(
    to: Destination, attempts: list[Attempt], first: int, refusal: RefusedAddressError | None
) -> RefusedAddressError | ConnectionFailedError:
    tried = attempts[first:]
    if refusal is not None and all(attempt.outcome.startswith("refused:") for attempt in tried):
        return RefusedAddressError(refusal.detail, attempts=attempts)
    listed = "; ".join(f"{attempt.address}: {attempt.outcome}" for attempt in tried)
    return ConnectionFailedError(
        f"No connection to {to.host}, port {to.port} ({listed}). Is the server running, and does a firewall "
        "let this host through?",
        attempts=attempts,
    )
