"""Resolving names: own queries, asked afresh each time, with random ports, ids and case (S19)."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from ca_service.egress.addresses import Address, fold, parse_address
from ca_service.egress.errors import DnsFailedError, NameNotFoundError
from ca_service.egress.hosts import NameServer, addresses_in_hosts, parse_name_server, system_name_servers
from ca_service.kernel.randomness import Randomness

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name
    from dns.rdata import Rdata
    from dns.rrset import RRset

_LOCALHOST = ("::1", "127.0.0.1")
_ATTEMPTS = 2
_MOST_SERVERS = 3  # as resolv.conf(5)
_SECONDS = 6.0
_SECONDS_EACH = 3.0
_MOST_ALIASES = 8
_MOST_RECORDS = 100
_PAYLOAD = 1232  # DNS flag day 2020: fits every path

_Records: TypeAlias = "list[Rdata]"


class Resolver:
    """Asks the configured name servers, or the system's; nothing is cached.

    `seconds` bounds one lookup over all servers. With `servers` given only those are asked, for everything
    but localhost; without, /etc/hosts goes first for the address of a host.
    """

    def __init__(
        self, servers: tuple[str, ...], randomness: Randomness, *, seconds: float = _SECONDS
    ) -> None:
        self._servers = tuple(parse_name_server(text) for text in servers)
        self._randomness = randomness
        self._seconds = seconds

    async def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the addresses of a host, IPv6 first, each once.

        A host that is an address is its own. Raises DnsFailedError if no lookup succeeded, NameNotFoundError
        if there is no address.
        """
        literal = parse_address(name)
        if literal is not None:
            return (literal,)
        host = name.rstrip(".").lower()
        if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
            return tuple(address for address in map(parse_address, _LOCALHOST) if address is not None)
        if not self._servers and (known := addresses_in_hosts(host)):
            return known
        answers = await asyncio.gather(
            self._query(host, "AAAA"), self._query(host, "A"), return_exceptions=True
        )
        found: dict[Address, None] = {}
        for answer in answers:
            if isinstance(answer, list):
                found |= {address: None for record in answer if (address := parse_address(record.to_text()))}
        if found:
            return tuple(fold(address) for address in found)
        raise _worst(host, answers)

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """Return the TXT records of a name, the strings of each joined. Raises as `addresses` does."""
        records = await self._query(name.rstrip(".").lower(), "TXT")
        return tuple(b"".join(getattr(record, "strings", ())) for record in records)

    async def _query(self, name: str, record_type: str) -> _Records:
        """Return the records of a type, aliases followed. Raises DnsFailedError, NameNotFoundError."""
        import dns.exception
        import dns.name

        try:
            target = dns.name.from_text(name, origin=dns.name.root)
        except dns.exception.DNSException as error:
            raise NameNotFoundError(
                f"`{name}` is no name that DNS can hold: {error}", name=name, resolver="", rcode="NXDOMAIN"
            ) from error
        for _ in range(_MOST_ALIASES):
            server, response = await self._ask(name, target, record_type)
            records, alias = _read(name, target, record_type, server, response)
            if alias is None:
                return records
            target = alias
        raise DnsFailedError(
            f"DNS: {name} is an alias of an alias, more than {_MOST_ALIASES} times over.",
            name=name,
            resolver="",
            rcode="CNAME",
        )

    async def _ask(self, name: str, target: "Name", record_type: str) -> "tuple[NameServer, Message]":
        """Return the first usable response: every server once, then every server again."""
        failure: DnsFailedError | None = None
        servers = (self._servers or system_name_servers())[:_MOST_SERVERS] * _ATTEMPTS
        seconds = min(_SECONDS_EACH, self._seconds / len(servers))
        for server in servers:
            try:
                return server, await self._exchange(name, target, record_type, server, seconds)
            except DnsFailedError as error:
                failure = error
        assert failure is not None, "there is always a server to ask"
        raise failure

    async def _exchange(
        self, name: str, target: "Name", record_type: str, server: NameServer, seconds: float
    ) -> "Message":
        import dns.asyncquery
        import dns.exception
        import dns.flags
        import dns.message
        import dns.rcode

        query = dns.message.make_query(self._mix_case(target), record_type, use_edns=0, payload=_PAYLOAD)
        query.id = int.from_bytes(self._randomness.token_bytes(2), "big")
        query.flags |= dns.flags.AD  # RFC 6840 section 5.7: tell us whether you validated
        try:
            async with asyncio.timeout(seconds):
                response, was_truncated = await dns.asyncquery.udp_with_fallback(
                    query, server.address, port=server.port, ignore_unexpected=True, ignore_errors=True
                )
                if not was_truncated and not _same_case(query, response):
                    # Someone who guessed port and id does not know the case; a few honest servers drop it.
                    response = await dns.asyncquery.tcp(query, server.address, port=server.port)
        except TimeoutError:
            raise _failed(name, record_type, server, "TIMEOUT", "did not answer in time") from None
        except OSError as error:
            reason = f"could not be reached ({error.strerror or error})"
            raise _failed(name, record_type, server, "UNREACHABLE", reason) from error
        except (dns.exception.DNSException, EOFError) as error:
            reason = f"sent an answer that cannot be read ({type(error).__name__})"
            raise _failed(name, record_type, server, "FORMERR", reason) from error
        rcode = dns.rcode.to_text(response.rcode())
        if rcode not in {"NOERROR", "NXDOMAIN"}:
            raise _failed(name, record_type, server, rcode, f"answered {rcode}")
        return response

    def _mix_case(self, target: "Name") -> "Name":
        import dns.name

        bits = int.from_bytes(self._randomness.token_bytes(32), "big")
        labels = []
        for label in target.labels:
            mixed = bytearray(label)
            for index, byte in enumerate(label):
                if (0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A) and bits & 1:
                    mixed[index] = byte ^ 0x20
                bits >>= 1
            labels.append(bytes(mixed))
        return dns.name.Name(labels)


def _read(
    name: str, target: "Name", record_type: str, server: NameServer, response: "Message"
) -> "tuple[_Records, Name | None]":
    """Return the records at the end of the aliases in this response, or the alias to ask for next."""
    import dns.rcode

    asked = target
    for _ in range(_MOST_ALIASES):
        rrset = _rrset(response, target, record_type)
        if rrset is not None:
            return list(rrset)[:_MOST_RECORDS], None
        alias = _rrset(response, target, "CNAME")
        if alias is None:
            break
        target = alias[0].target
    else:
        return [], target
    if response.rcode() == dns.rcode.NXDOMAIN:
        raise NameNotFoundError(
            f"DNS: {name} does not exist (NXDOMAIN for {record_type} from {server}).",
            name=name,
            resolver=str(server),
            rcode="NXDOMAIN",
        )
    if target != asked:
        return [], target
    raise NameNotFoundError(
        f"DNS: {name} has no {record_type} record (asked {server}).",
        name=name,
        resolver=str(server),
        rcode="NODATA",
    )


def _rrset(response: "Message", target: "Name", record_type: str) -> "RRset | None":
    import dns.rdataclass
    import dns.rdatatype

    return response.get_rrset(
        response.answer, target, dns.rdataclass.IN, dns.rdatatype.from_text(record_type)
    )


def _same_case(query: "Message", response: "Message") -> bool:
    return bool(response.question) and response.question[0].name.labels == query.question[0].name.labels


def _failed(name: str, record_type: str, server: NameServer, rcode: str, reason: str) -> DnsFailedError:
    return DnsFailedError(
        f"DNS: the resolver {server} {reason} when asked for {record_type} of {name}.",
        name=name,
        resolver=str(server),
        rcode=rcode,
    )


def _worst(name: str, answers: "Sequence[_Records | BaseException]") -> BaseException:
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
