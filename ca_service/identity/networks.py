"""Lists of networks that a token or a client secret is bound to."""

import ipaddress
from collections.abc import Sequence

from ca_service.kernel.errors import MalformedError, UnacceptableError

LIMIT = 64


def parse_networks(texts: Sequence[str], *, field: str) -> tuple[str, ...]:
    """Return the networks in CIDR form. Raises MalformedError, UnacceptableError for more than 64."""
    if len(texts) > LIMIT:
        raise UnacceptableError(f"At most {LIMIT} networks can be given.", field=field, rule="limit")
    found = []
    for index, text in enumerate(texts):
        try:
            found.append(str(ipaddress.ip_network(text)))
        except ValueError as error:
            raise MalformedError(
                "Give a network as an address and a prefix length with no bits behind it, like 10.0.0.0/8.",
                field=f"{field}[{index}]",
                rule="cidr",
            ) from error
    return tuple(found)


def admits(networks: Sequence[str], address: str) -> bool:
    """Tell whether `address` lies in one of the networks; no networks admit every address."""
    if not networks:
        return True
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return False
    folded = getattr(client, "ipv4_mapped", None) or client
    return any(folded in ipaddress.ip_network(network) for network in networks)
