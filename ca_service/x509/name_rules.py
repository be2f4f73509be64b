"""Which names a profile allows, denies and requires: patterns that are compared part by part, never pasted.

A pattern says its kind first. `dns:host.example.com` is one name, `dns:*.example.com` every name one label
below, `dns:**.example.com` every name below. `ip:10.0.0.0/8` is a network or one address.
`email:user@example.com`, `email:*@example.com`; the host may be a DNS pattern. `uri:spiffe://example.org/ns/*`:
a `*` is one whole segment, `**` at the end is all that follows.

A wildcard name counts as all that it covers (S7): it is allowed if every one of these is, denied if any is.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from msgspec import Struct

from ca_service.policy.names import (
    Name,
    NameKind,
    NameRefusedError,
    parse_dns_name,
    parse_email,
    parse_ip_address,
    parse_uri,
)
from ca_service.x509.errors import ProfileRefusedError

MOST_PATTERNS = 100
_KINDS = (NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI)


class NamePattern(Struct, frozen=True):
    """One pattern in canonical form, `text` with its kind in front.

    `parts` are labels from the right for DNS and hosts of e-mail, segments for URIs; `depth` is 0 for one
    name, 1 for one label below, 2 for everything below.
    """

    text: str
    kind: NameKind
    parts: tuple[str, ...] = ()
    depth: int = 0
    mailbox: str = "*"
    network: IPv4Network | IPv6Network | None = None

    def covers(self, name: Name) -> bool:
        """Tell whether this is the pattern of a name, and of all that it covers if it is a wildcard."""
        if name.kind is not self.kind:
            return False
        if self.kind is NameKind.DNS:
            return _covers_host(self, name.value)
        if self.kind is NameKind.IP:
            return self.network is not None and ip_address(name.value) in self.network
        if self.kind is NameKind.EMAIL:
            mailbox, _, host = name.value.rpartition("@")
            return self.mailbox in {"*", mailbox} and _covers_host(self, host)
        return _covers_segments(self.parts, tuple(_segments(name.value)))

    def touches(self, name: Name) -> bool:
        """Tell whether a name, or anything that it covers, is of this pattern."""
        if self.covers(name):
            return True
        if not name.is_wildcard or self.kind is not NameKind.DNS or self.depth:
            return False
        return self.parts[:-1] == _labels(name.value)[:-1]


def _labels(host: str) -> tuple[str, ...]:
    return tuple(reversed(host.split(".")))


def _covers_host(pattern: NamePattern, host: str) -> bool:
    labels = _labels(host)
    size = len(pattern.parts)
    if pattern.depth == 0:
        return labels == pattern.parts
    deeper = len(labels) - size
    return labels[:size] == pattern.parts and (deeper == 1 if pattern.depth == 1 else deeper >= 1)


def _segments(uri: str) -> list[str]:
    """Return scheme, `//` where there is an authority, and every part behind."""
    scheme, _, rest = uri.partition(":")
    if rest.startswith("//"):
        return [scheme, "//", *rest[2:].split("/")]
    return [scheme, *rest.split(":")]


def _covers_segments(parts: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    if parts[-1] == "**":
        parts = parts[:-1]
        if len(segments) <= len(parts):
            return False
        segments = segments[: len(parts)]
    return len(parts) == len(segments) and all(
        part == segment or (part == "*" and segment != "" and not set(segment) & {"?", "#"})
        for part, segment in zip(parts, segments, strict=True)
    )


@lru_cache(maxsize=4096)
def parse_name_pattern(text: str, *, field: str | None = None) -> NamePattern:
    """Return one pattern. Raises ProfileRefusedError."""
    word, colon, value = text.partition(":")
    kind = next((kind for kind in _KINDS if kind.value == word), None)
    if kind is None or not colon:
        detail = "A name pattern begins with dns:, ip:, email: or uri:, such as dns:**.example.com."
        raise ProfileRefusedError(detail, field=field, rule="name-pattern")
    try:
        return _PARSERS[kind](value)
    except (NameRefusedError, ValueError) as error:
        why = error.detail if isinstance(error, NameRefusedError) else str(error)
        detail = f"{text[:100]!a} is no pattern of names: {why}"
        raise ProfileRefusedError(detail, field=field, rule="name-pattern") from error


def _host(text: str) -> tuple[tuple[str, ...], int, str]:
    depth = 2 if text.startswith("**.") else 1 if text.startswith("*.") else 0
    host = parse_dns_name(text[depth + 1 :] if depth else text).value
    if host.startswith("*."):
        raise ValueError("a * is the first label only.")
    return _labels(host), depth, ("*" * depth + "." if depth else "") + host


def _dns(text: str) -> NamePattern:
    parts, depth, canonical = _host(text)
    return NamePattern(f"dns:{canonical}", NameKind.DNS, parts, depth)


def _ip(text: str) -> NamePattern:
    if "/" not in text:
        text = parse_ip_address(text).value
    network = ip_network(text)
    shown = str(network) if network.num_addresses > 1 else str(network.network_address)
    return NamePattern(f"ip:{shown}", NameKind.IP, network=network)


def _email(text: str) -> NamePattern:
    mailbox, at, host = text.rpartition("@")
    if not at:
        raise ValueError("it has no @; all mailboxes of a host are *@example.com.")
    parts, depth, canonical = _host(host)
    if mailbox != "*":
        if "*" in mailbox:
            raise ValueError("a * is the whole mailbox.")
        mailbox = parse_email(f"{mailbox}@{'.'.join(reversed(parts))}").value.rpartition("@")[0]
    return NamePattern(f"email:{mailbox}@{canonical}", NameKind.EMAIL, parts, depth, mailbox)


def _uri(text: str) -> NamePattern:
    parts = _segments(text)
    if "**" in parts[:-1] or any("*" in part and part not in {"*", "**"} for part in parts):
        raise ValueError("a * is a whole segment, and ** the last one.")
    if parts[0] == "*" or parts[1:3] in (["//", "*"], ["//", "**"]):
        raise ValueError("scheme and host are written out.")
    shown = ["x" if part in {"*", "**"} else part for part in parts]
    head = f"{shown[0]}:"
    example = f"{head}//{'/'.join(shown[2:])}" if shown[1] == "//" else head + ":".join(shown[1:])
    if parse_uri(example).value != example:
        raise ValueError("scheme and host are in lower case, and nothing is escaped needlessly.")
    return NamePattern(f"uri:{text}", NameKind.URI, tuple(parts))


_PARSERS = {NameKind.DNS: _dns, NameKind.IP: _ip, NameKind.EMAIL: _email, NameKind.URI: _uri}


def name_refusal(name: Name, allowed: tuple[str, ...], denied: tuple[str, ...]) -> tuple[str, str] | None:
    """Return (sentence, rule) why the patterns of a profile refuse a name; None: they do not."""
    for text in denied:
        if parse_name_pattern(text).touches(name):
            return f"It denies {name.value} by {text}.", "profile-name-denied"
    if allowed and not any(parse_name_pattern(text).covers(name) for text in allowed):
        shown = ", ".join(allowed[:5])
        return f"It allows only names of the patterns {shown}; {name.value} is none.", "profile-name-allowed"
    return None


def missing_name(names: tuple[Name, ...], required: tuple[str, ...]) -> str | None:
    """Return the first pattern that none of the names is of; None: all are there."""
    for text in required:
        pattern = parse_name_pattern(text)
        if not any(pattern.covers(name) for name in names):
            return text
    return None
