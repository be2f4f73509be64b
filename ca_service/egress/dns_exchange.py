"""One question to one name server: a random id, port and case, TCP where UDP does not do (S19)."""

import asyncio
from typing import TYPE_CHECKING

from ca_service.egress.errors import DnsFailedError
from ca_service.egress.hosts import NameServer
from ca_service.kernel.randomness import Randomness

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name

_PAYLOAD = 1232  # DNS flag day 2020: fits every path


async def exchange(
    target: "Name", record_type: str, server: NameServer, randomness: Randomness, *, seconds: float
) -> "Message":
    """Return an answer that says NOERROR or NXDOMAIN. Raises DnsFailedError."""
    import dns.asyncquery
    import dns.exception
    import dns.flags
    import dns.message
    import dns.rcode

    query = dns.message.make_query(_mix_case(target, randomness), record_type, use_edns=0, payload=_PAYLOAD)
    query.id = int.from_bytes(randomness.token_bytes(2), "big")
    query.flags |= dns.flags.AD  # RFC 6840 section 5.7: tell us whether you validated
    name = target.to_text(omit_final_dot=True)
    try:
        async with asyncio.timeout(seconds):
            response, was_truncated = await dns.asyncquery.udp_with_fallback(
                query, server.address, port=server.port, ignore_unexpected=True, ignore_errors=True
            )
            if not was_truncated and not _same_case(query, response):
                # Someone who guessed port and id does not know the case; a few honest servers drop it.
                response = await dns.asyncquery.tcp(query, server.address, port=server.port)
    except TimeoutError:
        raise failed(name, record_type, server, "TIMEOUT", "did not answer in time") from None
    except OSError as error:
        reason = f"could not be reached ({error.strerror or error})"
        raise failed(name, record_type, server, "UNREACHABLE", reason) from error
    except (dns.exception.DNSException, EOFError) as error:
        reason = f"sent an answer that cannot be read ({type(error).__name__})"
        raise failed(name, record_type, server, "FORMERR", reason) from error
    rcode = dns.rcode.to_text(response.rcode())
    if rcode not in {"NOERROR", "NXDOMAIN"}:
        raise failed(name, record_type, server, rcode, f"answered {rcode}")
    return response


def failed(name: str, record_type: str, server: NameServer, rcode: str, reason: str) -> DnsFailedError:
    """Return the error for a server that gave no usable answer."""
    return DnsFailedError(
        f"DNS: the resolver {server} {reason} when asked for {record_type} of {name}.",
        name=name,
        resolver=str(server),
        rcode=rcode,
    )


def _mix_case(target: "Name", randomness: Randomness) -> "Name":
    import dns.name

    bits = int.from_bytes(randomness.token_bytes(32), "big")
    labels = []
    for label in target.labels:
        mixed = bytearray(label)
        for index, byte in enumerate(label):
            if (0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A) and bits & 1:
                mixed[index] = byte ^ 0x20
            bits >>= 1
        labels.append(bytes(mixed))
    return dns.name.Name(labels)


def _same_case(query: "Message", response: "Message") -> bool:
    return bool(response.question) and response.question[0].name.labels == query.question[0].name.labels
