"""Name constraints: the part of each name space that an authority may certify (RFC 5280 section 4.2.1.10)."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from cryptography import x509
from msgspec import Struct

from ca_service.policy.names import (
    Name,
    NameKind,
    NameRefusedError,
    parse_dns_name,
    parse_email,
)

#: How many subtrees one list of constraints may have.
MOST_SUBTREES = 100

_KINDS: dict[type[x509.GeneralName], NameKind] = {
    x509.DNSName: NameKind.DNS,
    x509.IPAddress: NameKind.IP,
    x509.RFC822Name: NameKind.EMAIL,
    x509.UniformResourceIdentifier: NameKind.URI,
}


class Subtree(Struct, frozen=True, order=True):
    """One subtree in canonical form.

    `dns`: a domain, itself and all below. `ip`: a network. `email`: a mailbox, a host, or `.domain` for the
    hosts below it. `uri`: a host, or `.domain` for the hosts below it.
    """

    kind: NameKind
    value: str


class NameConstraints(Struct, frozen=True):
    """What one certificate permits and excludes. A kind without a permitted subtree is not limited.

    `has_others` tells constraints on kinds of names that are not compared here, such as directory names.
    """

    permitted: tuple[Subtree, ...] = ()
    excluded: tuple[Subtree, ...] = ()
    has_others: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell constraints that constrain nothing."""
        return not (self.permitted or self.excluded or self.has_others)

    def refusal(self, name: Name) -> str | None:
        """Return in a sentence why a name may not be certified; None: it may.

        A wildcard is every name that it covers (S7): it is refused where one of them is excluded.
        """
        permitted = [subtree for subtree in self.permitted if subtree.kind is name.kind]
        excluded = [subtree for subtree in self.excluded if subtree.kind is name.kind]
        host = _host_of(name)
        if host is None and (permitted or excluded):
            return f"{name.value} has no host name, and the authority's name constraints speak of hosts."
        if permitted and not any(_holds(subtree, name, host) for subtree in permitted):
            shown = ", ".join(subtree.value for subtree in permitted[:5])
            return f"{name.value} lies outside what the authority may certify ({shown})."
        for subtree in excluded:
            if _holds(subtree, name, host) or _covers(name, subtree):
                return f"{name.value} lies in {subtree.value}, which the authority may not certify."
        return None


def parse_subtree(kind: NameKind, text: str, *, field: str) -> Subtree:
    """Return one subtree in canonical form. Raises NameRefusedError."""
    if kind is NameKind.IP:
        return Subtree(kind, str(_network(text, field)))
    if kind is NameKind.DNS:
        if text.startswith((".", "*")):
            detail = (
                "A DNS constraint is a domain, which means itself and all below: example.com, no dot or *."
            )
            raise NameRefusedError(detail, field=field, rule="name-constraint")
        return Subtree(kind, parse_dns_name(text, field=field).value)
    if kind is NameKind.EMAIL and "@" in text:
        return Subtree(kind, parse_email(text, field=field).value)
    host = parse_dns_name(text.removeprefix("."), field=field)
    if host.is_wildcard or kind not in {NameKind.EMAIL, NameKind.URI}:
        detail = "Write a host, or .example.com for all hosts below a domain."
        raise NameRefusedError(detail, field=field, rule="name-constraint")
    return Subtree(kind, "." + host.value if text.startswith(".") else host.value)


def _network(text: str, field: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        detail = f"{text[:80]!a} is no network; write address/length with no bits behind: 10.0.0.0/8."
        raise NameRefusedError(detail, field=field, rule="name-constraint") from error


def narrowing_refusal(narrower: Iterable[Subtree], wider: NameConstraints) -> tuple[int, str] | None:
    """Return the first subtree (its place, and why) that `wider` does not hold whole; None: it holds all."""
    for place, subtree in enumerate(narrower):
        same_kind = [other for other in wider.permitted if other.kind is subtree.kind]
        if same_kind and not any(_contains(other, subtree) for other in same_kind):
            return place, f"{subtree.value} lies outside what the parent may certify."
        for other in wider.excluded:
            if other.kind is subtree.kind and _contains(other, subtree):
                return place, f"{subtree.value} lies in {other.value}, which the parent may not certify."
    return None


def read_constraints(value: x509.NameConstraints) -> NameConstraints:
    """Return the constraints of a parsed certificate; what cannot be compared is told by `has_others`."""
    permitted = [_read(name) for name in value.permitted_subtrees or ()]
    excluded = [_read(name) for name in value.excluded_subtrees or ()]
    return NameConstraints(
        tuple(subtree for subtree in permitted if subtree is not None),
        tuple(subtree for subtree in excluded if subtree is not None),
        has_others=None in permitted or None in excluded,
    )


def constraints_extension(constraints: NameConstraints) -> x509.NameConstraints:
    """Return the extension that says so; to be marked critical."""
    permitted = [_general_name(subtree) for subtree in constraints.permitted]
    excluded = [_general_name(subtree) for subtree in constraints.excluded]
    return x509.NameConstraints(permitted or None, excluded or None)


def _read(name: x509.GeneralName) -> Subtree | None:
    kind = _KINDS.get(type(name))
    if kind is None:
        return None
    text = str(name.value).lower() if kind is not NameKind.EMAIL else _folded_mail(str(name.value))
    if kind is NameKind.DNS:
        # Some write `.example.com` and mean, as this type of name does anyway, all below.
        text = text.removeprefix(".")
    return Subtree(kind, text)


def _folded_mail(text: str) -> str:
    local, at, host = text.rpartition("@")
    return f"{local}{at}{host.lower()}"


def _general_name(subtree: Subtree) -> x509.GeneralName:
    match subtree.kind:
        case NameKind.IP:
            return x509.IPAddress(ip_network(subtree.value))
        case NameKind.EMAIL:
            return x509.RFC822Name(subtree.value)
        case NameKind.URI:
            return x509.UniformResourceIdentifier(subtree.value)
        case _:
            return x509.DNSName(subtree.value)


def _host_of(name: Name) -> str | None:
    """Return the host that constraints look at; None for a URI without a DNS name in it."""
    if name.kind is NameKind.EMAIL:
        return name.value.rpartition("@")[2]
    if name.kind is not NameKind.URI:
        return name.value
    host = urlsplit(name.value).hostname
    if not host or ":" in host or host.replace(".", "").isdigit():
        return None
    return host


def _holds(subtree: Subtree, name: Name, host: str | None) -> bool:
    """Tell whether a name of the same kind lies whole in a subtree."""
    value = subtree.value
    if name.kind is NameKind.IP:
        network, address = ip_network(value), ip_address(name.value)
        return address.version == network.version and address in network
    if host is None:
        return False
    if name.kind is NameKind.DNS:
        return _is_below(host.removeprefix("*."), value)
    if name.kind is NameKind.EMAIL and "@" in value:
        return name.value == value
    if value.startswith("."):
        return host.endswith(value)
    return not value or host == value


def _covers(name: Name, subtree: Subtree) -> bool:
    """Tell a wildcard one of whose names is the head of the subtree: `*.corp` covers `admin.corp`."""
    return name.is_wildcard and subtree.value.partition(".")[2] == name.value.removeprefix("*.")


def _contains(wider: Subtree, narrower: Subtree) -> bool:
    """Tell whether all of one subtree lies in another of the same kind."""
    if wider.kind is NameKind.IP:
        outer, inner = ip_network(wider.value), ip_network(narrower.value)
        if isinstance(outer, IPv4Network):
            return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
        return isinstance(inner, IPv6Network) and inner.subnet_of(outer)
    if wider.kind is NameKind.DNS:
        return _is_below(narrower.value, wider.value)
    if "@" in narrower.value:
        address = Name(NameKind.EMAIL, narrower.value)
        return _holds(wider, address, _host_of(address))
    if wider.value.startswith("."):
        return narrower.value.endswith(wider.value)
    return not wider.value or narrower.value == wider.value


def _is_below(name: str, domain: str) -> bool:
    """Tell whether a DNS name is the domain or below it; the empty domain holds all."""
    return not domain or name == domain or name.endswith("." + domain)
