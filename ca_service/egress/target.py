"""The way to targets: databases in which Keywright makes users (class `target`, S4).

The host is resolved once and its addresses are checked; the session goes to what was checked. TLS is
verified, unless the configuration says `disable` and `[target] allowed_networks` names the address.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ca_service.config import TargetConfig
from ca_service.egress.addresses import Address, parse_address
from ca_service.egress.attempts import Attempt
from ca_service.egress.connection import Connector, is_listener
from ca_service.egress.deadline import Deadline
from ca_service.egress.dialing import MOST_ADDRESSES
from ca_service.egress.errors import ConnectionFailedError, RefusedAddressError
from ca_service.egress.resolver import Resolver
from ca_service.egress.target_conninfo import conninfo_of
from ca_service.egress.target_errors import StatementRefusedError, TargetLostError
from ca_service.egress.target_kept import KeptSessions
from ca_service.egress.target_own import OwnDatabase
from ca_service.egress.target_place import PostgresqlPlace, TargetTls
from ca_service.egress.target_session import TargetSession
from ca_service.egress.target_statement import fill
from ca_service.kernel.randomness import Randomness

if TYPE_CHECKING:
    from ca_service.egress.target_wire import TargetWire


class TargetEgress:
    """Lends sessions at targets, each connected and used within the configured time."""

    def __init__(
        self,
        config: TargetConfig,
        resolver: Resolver,
        connector: Connector,
        own_database: OwnDatabase,
        monotonic: Callable[[], float],
        randomness: Randomness,
    ) -> None:
        self._config = config
        self._resolver = resolver
        self._connector = connector
        self._own_database = own_database
        self._monotonic = monotonic
        self._randomness = randomness
        self._kept = KeptSessions()

    @asynccontextmanager
    async def postgresql(self, place: PostgresqlPlace) -> AsyncIterator[TargetSession]:
        """Lend a session of a PostgreSQL server.

        It is cleared and kept for a moment if all went well, and else ended at once.
        Raises DnsFailedError, RefusedAddressError, ConnectionFailedError (TargetLostError among them),
        LoginRefusedError, and ConfigError for a `ca_file` that is none.
        """
        wire = await self._session(place)
        try:
            yield wire
            is_clear = await _clear(wire)
        except BaseException:
            wire.close()
            raise
        if is_clear:
            self._kept.keep(place, wire)
        else:
            wire.close()

    def fill(self, template: str, names: Mapping[str, str], texts: Mapping[str, str]) -> str:
        """Return a statement with its placeholders replaced; see `target_statement.fill`."""
        return fill(template, names, texts)

    async def _session(self, place: PostgresqlPlace) -> "TargetWire":
        """Return a kept session that still answers, or a new one."""
        bounds = _bounds(self._config.timeout)
        while (kept := self._kept.take(place)) is not None:
            try:
                await kept.rows(_BOUNDS, *bounds)
                return kept
            except (TargetLostError, StatementRefusedError):
                kept.close()
            except BaseException:
                kept.close()
                raise
        wire = await self._connect(place)
        try:
            await wire.rows(_BOUNDS, *bounds)
        except BaseException:
            wire.close()
            raise
        return wire

    async def _connect(self, place: PostgresqlPlace) -> "TargetWire":
        # Ten megabytes of driver, for those who lease.
        from ca_service.egress.target_wire import NoConnectionError, open_wire

        deadline = Deadline(self._config.timeout, self._monotonic)
        addresses, own = await self._resolve(place, deadline)
        tried: list[Attempt] = []
        refusal: RefusedAddressError | None = None
        for index, address in enumerate(addresses):
            try:
                self._verify(place, address, own)
                return await open_wire(
                    conninfo_of(place, address, self._config),
                    f"{place.host} ({address}, port {place.port})",
                    self._randomness,
                    connect_seconds=deadline.for_one_of(len(addresses) - index),
                    seconds=self._config.timeout,
                )
            except RefusedAddressError as error:
                refusal = error
                tried += error.attempts
            except NoConnectionError as error:
                tried.append(Attempt(place.host, str(address), place.port, str(error)))
        if refusal is not None and all(attempt.outcome.startswith("refused:") for attempt in tried):
            raise RefusedAddressError(refusal.detail, attempts=tried)
        listed = "; ".join(f"{attempt.address}: {attempt.outcome}" for attempt in tried)
        raise ConnectionFailedError(
            f"No connection to {place.host}, port {place.port} ({listed}). Is the server running, and does a "
            "firewall let this host through?",
            attempts=tried,
        )

    async def _resolve(
        self, place: PostgresqlPlace, deadline: Deadline
    ) -> tuple[tuple[Address, ...], tuple[tuple[str, int], ...]]:
        """Return the addresses of the target, and where our own database listens."""
        try:
            async with asyncio.timeout(deadline.whole):
                addresses = await self._resolver.addresses(place.host)
                own = () if self._config.allow_own_database else await self._own_database.places()
        except TimeoutError:
            raise ConnectionFailedError(
                f"{place.host} was not resolved within {deadline.whole:g} s; its name servers are slow."
            ) from None
        return addresses[:MOST_ADDRESSES], own

    def _verify(self, place: PostgresqlPlace, address: Address, own: tuple[tuple[str, int], ...]) -> None:
        """Raises RefusedAddressError."""
        self._connector.verify_address(place.host, address, place.port)
        if place.tls is TargetTls.DISABLE and not self._connector.names_as_allowed(address):
            reason = "without TLS only networks are spoken to that `[target] allowed_networks` names"
            raise _refused(place, address, reason)
        if is_listener(address, place.port, own):
            reason = "it is Keywright's own database, which `[target] allow_own_database` does not allow"
            raise _refused(place, address, reason)


async def _clear(wire: "TargetWire") -> bool:
    """Take back whatever the holder of a session left in it, and tell whether that went well."""
    if not wire.is_idle:
        return False
    try:
        await wire.run("DISCARD ALL")
    except (TargetLostError, StatementRefusedError):
        return False
    return True


def _refused(place: PostgresqlPlace, address: Address, reason: str) -> RefusedAddressError:
    host = str(address) if parse_address(place.host) is not None else f"{place.host} ({address})"
    return RefusedAddressError(
        f"{host} is refused: {reason}.",
        attempts=[Attempt(place.host, str(address), place.port, f"refused: {reason}")],
    )


#: What the server itself ends: a statement, a wait for a lock, a transaction whose client has gone silent.
_BOUNDS = (
    "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),"
    " set_config('idle_in_transaction_session_timeout', $3, false),"
    " set_config('synchronous_commit', 'on', false), set_config('search_path', 'pg_catalog', false),"
    " set_config('standard_conforming_strings', 'on', false)"
)


def _bounds(seconds: float) -> tuple[str, str, str]:
    whole = int(seconds * 1000)
    return str(whole), str(max(1, whole // 2)), str(whole)
