"""The client's address: from the socket, or from a proxy that was named as trusted (S9)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

#: What stands for the address of a peer that has none (a Unix socket).
NO_ADDRESS = "-"
Headers = Sequence[tuple[bytes, bytes]]
_Address = IPv4Address | IPv6Address


def parse_networks(texts: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of a CIDR list. Raises ValueError that names the entry."""
    return tuple(ip_network(text) for text in texts)


class ClientAddresses:
    """Tells a request's client address; only peers in `trusted` may speak for others."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = parse_networks(trusted)

    def of(self, peer: str | None, headers: Headers) -> str:
        """Return the address of the client behind `peer`, IPv4 in IPv6 folded.

        The rightmost entry that is not itself trusted counts. An entry that is no address ends the chain at
        the proxy that wrote it. Where both headers are sent and disagree, the proxy's own address counts,
        since one of them is the client's invention.
        """
        folded = fold_address(peer)
        if not self._trusted or not self.is_trusted(folded):
            return folded
        found = {
            self._walk(folded, entries)
            for entries in (_x_forwarded_for(headers), _forwarded(headers))
            if entries
        }
        return found.pop() if len(found) == 1 else folded

    def _walk(self, peer: str, entries: list[str]) -> str:
        nearest = peer
        for entry in reversed(entries):
            address = _parse_entry(entry)
            if address is None:
                return nearest
            nearest = str(address)
            if not self.is_trusted(nearest):
                return nearest
        return nearest

    def is_trusted(self, address: str) -> bool:
        """Tell whether this peer may speak for others."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed.version == network.version and parsed in network for network in self._trusted)


@lru_cache(maxsize=4096)
def fold_address(peer: str | None) -> str:
    """Return the canonical text of a socket's address: v4-mapped folded, no zone."""
    if peer is None:
        return NO_ADDRESS
    try:
        return str(_fold(ip_address(peer.partition("%")[0])))
    except ValueError:
        return NO_ADDRESS


def _fold(address: _Address) -> _Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _x_forwarded_for(headers: Headers) -> list[str]:
    return [entry for value in _values(headers, b"x-forwarded-for") for entry in value.split(",")]


def _forwarded(headers: Headers) -> list[str]:
    """Return the `for` parameters of RFC 7239 section 4; an element without one counts as unreadable."""
    return [
        next(
            (
                value.strip().strip('"')
                for name, _, value in (pair.partition("=") for pair in element.split(";"))
                if name.strip().lower() == "for"
            ),
            "unknown",
        )
        for line in _values(headers, b"forwarded")
        for element in line.split(",")
    ]


def _values(headers: Headers, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in headers if name == wanted]


def _parse_entry(entry: str) -> _Address | None:
    """Return the address of an entry: bare, in brackets, or with a port."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return _fold(ip_address(text))
    except ValueError:
        return None
