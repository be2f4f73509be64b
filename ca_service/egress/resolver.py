"""Resolving names: own queries, asked afresh each time, of the servers that were configured (S19)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ca_service.egress.addresses import Address, fold, parse_address
from ca_service.egress.dns_exchange import exchange, failed
from ca_service.egress.errors import DnsFailedError, NameNotFoundError, RefusedAddressError
from ca_service.egress.hosts import NameServer, addresses_in_hosts, parse_name_server, system_name_servers
from ca_service.egress.records import (
    MOST_ALIASES,
    MOST_RECORDS,
    CaaRecord,
    Records,
    TextRecords,
    not_found,
    read_records,
)
from ca_service.kernel.randomness import Randomness

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name

_LOCALHOST = ("::1", "127.0.0.1")
_ATTEMPTS = 2
_MOST_SERVERS = 3  # as resolv.conf(5)
_SECONDS = 6.0
_SECONDS_EACH = 3.0


class Resolver:
    """Asks the configured name servers, or the system's; nothing is cached.

    `seconds` bounds the questions to all servers about one name. With `servers` given only those are asked,
    for everything but localhost; without, /etc/hosts goes first for the address of a host. `verify` raises
    RefusedAddressError for a server that must not be asked.
    """

    def __init__(
        self,
        servers: tuple[str, ...],
        randomness: Randomness,
        *,
        seconds: float = _SECONDS,
        verify: Callable[[NameServer], None] | None = None,
    ) -> None:
        self._servers = tuple(parse_name_server(text) for text in servers)
        self._randomness = randomness
        self._seconds = seconds
        self._verify = verify

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the addresses of a host, IPv6 first, each once.

        A host that is an address is its own. Raises DnsFailedError if no lookup succeeded, NameNotFoundError
        if there is no address.
        """
        literal = parse_address(name)
        if literal is not None:
            return (literal,)
        host = name.rstrip(".").lower()
        if _is_local(host):
            return tuple(address for address in map(parse_address, _LOCALHOST) if address is not None)
        if not self._servers and (known := addresses_in_hosts(host)):
            return known
        answers = await asyncio.gather(
            self._records(host, "AAAA"), self._records(host, "A"), return_exceptions=True
        )
        found: dict[Address, None] = {}
        for answer in answers:
            if isinstance(answer, list):
                found |= {address: None for record in answer if (address := parse_address(record.to_text()))}
        if found:
            return tuple(dict.fromkeys(map(fold, found)))
        raise _worst(host, answers)

    async def texts(self, name: str) -> TextRecords:
        """Return the TXT records of a name. Raises as `addresses` does."""
        asked = name.rstrip(".").lower()
        records, end, server = await self._query(asked, "TXT")
        texts = [b"".join(getattr(record, "strings", ())) for record in records[:MOST_RECORDS]]
        return TextRecords(
            tuple(texts),
            len(records),
            str(server),
            is_own=end.to_text(omit_final_dot=True).lower() == asked,
        )

    async def caa(self, name: str) -> tuple[CaaRecord, ...]:
        """Return the CAA records of a name, none if there are none. Raises DnsFailedError."""
        host = name.rstrip(".").lower()
        if _is_local(host):
            return ()
        try:
            records = await self._records(host, "CAA")
        except NameNotFoundError:
            return ()
        return tuple(
            CaaRecord(
                int(getattr(record, "flags", 0)),
                bytes(getattr(record, "tag", b"")).decode("latin-1").lower(),
                bytes(getattr(record, "value", b"")),
            )
            for record in records
        )

    async def _records(self, name: str, record_type: str) -> Records:
        return (await self._query(name, record_type))[0]

    async def _query(self, name: str, record_type: str) -> "tuple[Records, Name, NameServer]":
        """Return the records of a type, aliases followed, their owner, and who said so.

        Raises DnsFailedError, NameNotFoundError.
        """
        import dns.exception
        import dns.name

        try:
            target = dns.name.from_text(name, origin=dns.name.root)
        except dns.exception.DNSException as error:
            raise NameNotFoundError(
                f"`{name}` is no name that DNS can hold: {error}", name=name, resolver="", rcode="NXDOMAIN"
            ) from error
        for _ in range(MOST_ALIASES):
            server, response = await self._ask(target, record_type)
            try:
                records, target, is_alias = read_records(target, record_type, server, response)
            except NameNotFoundError as error:
                raise not_found(name, record_type, server, error.rcode) from error
            if not is_alias:
                return records, target, server
        raise DnsFailedError(
            f"DNS: {name} is an alias of an alias, more than {MOST_ALIASES} times over.",
            name=name,
            resolver="",
            rcode="CNAME",
        )

    async def _ask(self, target: "Name", record_type: str) -> "tuple[NameServer, Message]":
        """Return the first usable response: every server once, then every server again."""
        failure: DnsFailedError | None = None
        servers = (self._servers or system_name_servers())[:_MOST_SERVERS] * _ATTEMPTS
        seconds = min(_SECONDS_EACH, self._seconds / len(servers))
        for server in servers:
            try:
                if self._verify is not None:
                    self._verify(server)
                return server, await exchange(target, record_type, server, self._randomness, seconds=seconds)
            except RefusedAddressError as error:
                name = target.to_text(omit_final_dot=True)
                failure = failed(name, record_type, server, "FORBIDDEN", f"may not be asked ({error.detail})")
            except DnsFailedError as error:
                failure = error
        assert failure is not None, "there is always a server to ask"
        raise failure


def _is_local(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")  # RFC 6761 section 6.3


def _worst(name: str, answers: Sequence[object]) -> BaseException:
    """Return what to say of a name without an address: failure before NXDOMAIN before NODATA."""
    worst = min((answer for answer in answers if isinstance(answer, BaseException)), key=_precedence)
    if not isinstance(worst, NameNotFoundError) or worst.rcode != "NODATA":
        return worst
    return NameNotFoundError(
        f"DNS: {name} has neither an A nor an AAAA record (asked {worst.resolver}).",
        name=name,
        resolver=worst.resolver,
        rcode="NODATA",
    )


def _precedence(error: BaseException) -> int:
    if not isinstance(error, NameNotFoundError):
        return 0
    return 2 if error.rcode == "NODATA" else 1
