"""Which addresses may be connected to: a table of our own.

The properties of the standard library's addresses are not used: some releases call an IPv4-mapped loopback no
loopback, and a metadata address behind NAT64 a global one. Sources: the IANA special-purpose registries (RFC
6890), RFC 4291, 3056, 4380, 5214, 6052, 8215.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from ca_service.config import ConfigError

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def _table(*networks: str) -> tuple[Network, ...]:
    return tuple(ip_network(network) for network in networks)


_METADATA = _table("169.254.169.254/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128")
_NEVER = _table("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8")
_LOOPBACK = _table("127.0.0.0/8", "::1/128")
_LINK_LOCAL = _table("169.254.0.0/16", "fe80::/10", "fec0::/10")
_RESERVED = _table(
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "::/96",
    "100::/64",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "3fff::/20",
)
#: IPv6 that is assigned to anything at all; what lies outside is reserved.
_ASSIGNED = _table("2000::/3", "fc00::/7", "64:ff9b::/96", "64:ff9b:1::/48", "::1/128", "fe80::/10")
_PRIVATE = _table("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")

_MAPPED, _TRANSLATED, _COMPATIBLE = _table("::ffff:0:0/96", "::ffff:0:0:0/96", "::/96")
_NAT64, _LOCAL_NAT64, _6TO4, _TEREDO = _table("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)
_32_BITS = 0xFFFFFFFF


def parse_networks(texts: Iterable[str], setting: str) -> tuple[Network, ...]:
    """Return the networks of a setting. Raises ConfigError that names it."""
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            raise ConfigError(f"configuration: `{setting}` has `{text}`, no network: {error}") from error
    return tuple(networks)


def parse_address(text: str) -> Address | None:
    """Return the address that `text` is, IPv4-mapped ones folded and scopes dropped, or None for a name."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return fold(address)


def fold(address: Address) -> Address:
    """Return an IPv4-mapped address as the IPv4 address it is, and any other as it is."""
    if isinstance(address, IPv6Address) and address in _MAPPED:
        return IPv4Address(int(address) & _32_BITS)
    return address


def unfold(address: Address) -> tuple[Address, ...]:
    """Return the address and every IPv4 address that is embedded in it (none in `::` and `::1`)."""
    if isinstance(address, IPv4Address):
        return (address,)
    bits = int(address)
    embedded: list[int] = []
    if any(address in network for network in (_MAPPED, _TRANSLATED, _COMPATIBLE, _NAT64)) and bits > 1:
        embedded.append(bits)
    if address in _LOCAL_NAT64:  # RFC 6052 section 2.2: after a /48 the octet 64-71 is left out; or a /96
        embedded += (bits, (bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF)
    if address in _6TO4:
        embedded.append(bits >> 80)
    if address in _TEREDO:
        embedded += (bits >> 64, bits ^ _32_BITS)
    if bits >> 32 & _32_BITS in _ISATAP:
        embedded.append(bits)
    return (address, *(IPv4Address(value & _32_BITS) for value in embedded))


def is_loopback(address: Address) -> bool:
    """Tell an address of this machine alone."""
    return _is_in(fold(address), _LOOPBACK)


def is_private(address: Address) -> bool:
    """Tell an address that the Internet does not route, embedded ones included."""
    private = (*_PRIVATE, *_LOOPBACK, *_LINK_LOCAL)
    return any(_is_in(form, private) for form in unfold(address))


class AddressTable:
    """Decides for one class of egress; what is allowed by name lifts the defaults, never the certainties."""

    def __init__(self, allowed: tuple[Network, ...] = (), denied: tuple[Network, ...] = ()) -> None:
        self._allowed = allowed
        self._denied = denied

    def names_as_allowed(self, address: Address) -> bool:
        """Tell whether the administrator allowed this address by name."""
        return _is_in(fold(address), self._allowed)

    def refusal(self, address: Address) -> str | None:
        """Return why this address is refused, or None if it may be connected to."""
        forms = unfold(fold(address))
        for networks, reason in (
            (_METADATA, "it is the metadata service of a cloud"),
            (_NEVER, "it is not the address of a host"),
            (self._denied, "`denied_networks` names it"),
        ):
            if any(_is_in(form, networks) for form in forms):
                return reason
        refusals = (_default_refusal(form) for form in forms if not _is_in(form, self._allowed))
        return next((reason for reason in refusals if reason is not None), None)


def _default_refusal(address: Address) -> str | None:
    if _is_in(address, _LOOPBACK):
        return "it is a loopback address, which `allowed_networks` does not name"
    if _is_in(address, _LINK_LOCAL):
        return "it is a link-local address, which `allowed_networks` does not name"
    if _is_in(address, _RESERVED):
        return "it is reserved"
    is_assigned = isinstance(address, IPv4Address) or _is_in(address, _ASSIGNED)
    return None if is_assigned else "it is reserved"


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
