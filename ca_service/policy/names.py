"""Names in the one form that is decided and signed (S7).

Every parser takes text from a stranger, bounded in length, and returns the canonical `Name` or raises
`NameRefusedError` with the field and the rule. Parsing a canonical value returns it unchanged.
Sources: RFC 1123 section 2.1, RFC 5890-5893 (IDNA 2008), RFC 5952, RFC 5321 section 4.1, RFC 3986.
"""

import ipaddress
import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

from ca_service.kernel.errors import UnacceptableError
from ca_service.policy.values import ContextValue

_DNS_LIMIT = 253
_LABEL_LIMIT = 63
_EMAIL_LIMIT = 254
_URI_LIMIT = 2048
_PRINCIPAL_LIMIT = 255

_LABEL = re.compile(r"[a-z0-9-]+")
_NUMBER = re.compile(r"[0-9]+|0x.*")
_PRINCIPAL = re.compile(r"[A-Za-z0-9_.@+-]+")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_URI_TEXT = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_URN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}[A-Za-z0-9]:[^:].*")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SPIFFE_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_NEEDS_HOST = frozenset({"http", "https", "spiffe", "ws", "wss", "ldap", "ldaps"})


class NameKind(StrEnum):
    """What sort of name; the word policies compare with `context.name.kind`."""

    DNS = "dns"
    IP = "ip"
    EMAIL = "email"
    URI = "uri"
    PRINCIPAL = "principal"


class NameRefusedError(UnacceptableError):
    """A name breaks a rule: `rule` is that rule's word, `field` the part of the request with the name."""


class Name(Struct, frozen=True, order=True):
    """A name in the form that is signed; made by the parsers of this module and nothing else."""

    kind: NameKind
    value: str

    @property
    def is_wildcard(self) -> bool:
        """Tell whether this stands for every name one label below its base."""
        return self.kind is NameKind.DNS and self.value.startswith("*.")

    def context(self) -> dict[str, ContextValue]:
        """Return the value of `context.name` in a policy question."""
        return {"kind": self.kind.value, "value": self.value, "wildcard": self.is_wildcard}


def _refused(field: str | None, rule: str, detail: str) -> NameRefusedError:
    return NameRefusedError(detail, field=field, rule=rule)


def _shown(text: str) -> str:
    """Return text from a stranger as it may stand in an error: short, ASCII, escaped."""
    return ascii(text if len(text) <= 80 else text[:80] + "…")


def _bounded(text: str, limit: int, kind: NameKind, field: str | None) -> None:
    if not text:
        raise _refused(field, f"{kind}-empty", "The name is empty; leave it out or fill it in.")
    if len(text) > limit:
        detail = f"The name has {len(text)} characters; at most {limit} are allowed."
        raise _refused(field, "dns-name-too-long" if kind is NameKind.DNS else f"{kind}-too-long", detail)


def parse_dns_name(text: str, *, field: str | None = None) -> Name:
    """Return the DNS name in lower-case A-labels; U-labels are converted (RFC 5891 section 4).

    Only ASCII letters are folded: a U-label must already be in its IDNA 2008 form. Single labels and private
    top-level names are allowed. Raises NameRefusedError.
    """
    _bounded(text, _DNS_LIMIT, NameKind.DNS, field)
    labels = _folded(text).split(".")
    if len(labels) > 1 and not labels[-1]:
        raise _refused(field, "dns-trailing-dot", f"{_shown(text)} ends with a dot; leave the dot out.")
    base = labels
    if labels[0] == "*":
        base = labels[1:]
        if not base:
            raise _refused(
                field, "wildcard-alone", "A wildcard needs a name below which it stands: *.example.com."
            )
    canonical = [_dns_label(label, text, field) for label in base]
    if _NUMBER.fullmatch(canonical[-1]):
        detail = (
            f"{_shown(text)} ends in a number, which clients read as an address; name it as an IP address."
        )
        raise _refused(field, "dns-last-label-numeric", detail)
    value = ".".join(["*", *canonical] if base is not labels else canonical)
    if len(value) > _DNS_LIMIT:
        detail = f"The name has {len(value)} characters in A-labels; at most {_DNS_LIMIT} are allowed."
        raise _refused(field, "dns-name-too-long", detail)
    return Name(NameKind.DNS, value)


def _folded(text: str) -> str:
    """Lower the ASCII letters only: `str.lower` would turn the Kelvin sign into a k."""
    return text.lower() if text.isascii() else "".join(c.lower() if c.isascii() else c for c in text)


def _dns_label(label: str, text: str, field: str | None) -> str:
    if not label:
        raise _refused(
            field, "dns-empty-label", f"{_shown(text)} has an empty label; take out the extra dot."
        )
    if "*" in label:
        detail = f"In {_shown(text)} the * is not the whole first label; only *.example.com is a wildcard."
        raise _refused(field, "wildcard-not-leftmost", detail)
    if not label.isascii():
        label = _a_label(label, text, field)
    if "_" in label:
        raise _refused(
            field, "dns-underscore", f"{_shown(text)} has an underscore, which host names do not have."
        )
    if not _LABEL.fullmatch(label):
        detail = (
            f"{_shown(text)} has a character that host names do not have; use letters, digits and hyphens."
        )
        raise _refused(field, "dns-character", detail)
    if len(label) > _LABEL_LIMIT:
        detail = f"A label of {_shown(text)} has {len(label)} characters; at most {_LABEL_LIMIT} are allowed."
        raise _refused(field, "dns-label-too-long", detail)
    if label[0] == "-" or label[-1] == "-":
        raise _refused(field, "dns-hyphen", f"A label of {_shown(text)} begins or ends with a hyphen.")
    if label[2:4] == "--":
        _verify_a_label(label, text, field)
    return label


def _a_label(label: str, text: str, field: str | None) -> str:
    # Imported where it is needed: its tables are memory that a server of ASCII names never pays for.
    import idna

    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError as error:
        if error.code == "label_too_long":
            detail = f"A label of {_shown(text)} has more than {_LABEL_LIMIT} characters as an A-label."
            raise _refused(field, "dns-label-too-long", detail) from error
        detail = f"{_shown(text)} has a label that IDNA 2008 does not allow: {_shown(str(error))}."
        raise _refused(field, "dns-idna", detail) from error
    except ValueError as error:
        raise _refused(
            field, "dns-idna", f"{_shown(text)} has a label that IDNA 2008 does not allow."
        ) from error


def _verify_a_label(label: str, text: str, field: str | None) -> None:
    if not label.startswith("xn--"):
        detail = (
            f"A label of {_shown(text)} has hyphens in third and fourth place, which is reserved (RFC 5890)."
        )
        raise _refused(field, "dns-reserved-label", detail)
    import idna

    try:
        u_label = idna.ulabel(label)
        same = not u_label.isascii() and idna.alabel(u_label) == label.encode("ascii")
    except ValueError as error:
        raise _refused(
            field, "dns-punycode", f"{_shown(text)} has a label that is not valid punycode."
        ) from error
    if not same:
        detail = f"{_shown(text)} has an xn-- label that is not the A-label of any IDNA 2008 name."
        raise _refused(field, "dns-punycode", detail)


def parse_ip_address(text: str, *, field: str | None = None) -> Name:
    """Return the address as RFC 5952 writes it, IPv4-mapped IPv6 folded to IPv4. Raises NameRefusedError."""
    _bounded(text, 45, NameKind.IP, field)
    if "%" in text:
        raise _refused(field, "ip-zone", f"{_shown(text)} has a zone; an address in a certificate has none.")
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        detail = f"{_shown(text)} is not an IPv4 or IPv6 address; octets have no leading zeros."
        raise _refused(field, "ip-syntax", detail) from error
    return name_of_address(address)


def parse_ip_octets(octets: bytes, *, field: str | None = None) -> Name:
    """Return the address of an iPAddress: exactly 4 or 16 octets (RFC 5280 section 4.2.1.6)."""
    if len(octets) == 4:
        return name_of_address(IPv4Address(octets))
    if len(octets) == 16:
        return name_of_address(IPv6Address(octets))
    raise _refused(field, "ip-length", f"An iPAddress has 4 or 16 octets, not {len(octets)}.")


def name_of_address(address: IPv4Address | IPv6Address) -> Name:
    """Return the canonical name of a parsed address; a zone is dropped."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return Name(NameKind.IP, str(address.ipv4_mapped))
        address = IPv6Address(int(address))
    return Name(NameKind.IP, str(address))


def parse_email(text: str, *, field: str | None = None) -> Name:
    """Return an ASCII mailbox with its domain in lower case (RFC 5280: rfc822Name); the local part is kept.

    Quoted local parts, address literals and internationalised mail (RFC 6531) are refused.
    """
    _bounded(text, _EMAIL_LIMIT, NameKind.EMAIL, field)
    if not text.isascii():
        raise _refused(
            field, "email-not-ascii", f"{_shown(text)} is not ASCII; write its domain in A-labels."
        )
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise _refused(field, "email-syntax", f"{_shown(text)} is not of the form local@domain.")
    if len(local) > 64:
        raise _refused(
            field, "email-too-long", f"The part before the @ of {_shown(text)} has more than 64 characters."
        )
    host = parse_dns_name(domain, field=field)
    if host.is_wildcard:
        raise _refused(field, "email-wildcard", "The domain of an e-mail address cannot be a wildcard.")
    return Name(NameKind.EMAIL, f"{local}@{host.value}")


def parse_principal(text: str, *, field: str | None = None) -> Name:
    """Return an SSH user name: 1-255 of `A-Z a-z 0-9 _ . @ + -`, letters kept as they are."""
    _bounded(text, _PRINCIPAL_LIMIT, NameKind.PRINCIPAL, field)
    if not _PRINCIPAL.fullmatch(text):
        detail = f"{_shown(text)} has a character that principals do not have; use A-Z a-z 0-9 _ . @ + -."
        raise _refused(field, "principal-character", detail)
    return Name(NameKind.PRINCIPAL, text)


def parse_uri(text: str, *, field: str | None = None) -> Name:
    """Return the URI with scheme and host in lower case and needless escapes undone (RFC 3986 section 6.2.2).

    One scheme, no user part; a host for http, https, spiffe and the like; `urn:` and other schemes without an
    authority are allowed. Dot segments are refused, since readers disagree on what they mean.
    """
    _bounded(text, _URI_LIMIT, NameKind.URI, field)
    if not _URI_TEXT.fullmatch(text):
        detail = f"{_shown(text)} has a character that URIs do not have, or a % without two hex digits."
        raise _refused(field, "uri-character", detail)
    parts = _SCHEME.fullmatch(text)
    if parts is None:
        raise _refused(field, "uri-scheme", f"{_shown(text)} has no scheme; write the whole URI.")
    scheme, rest = parts[1].lower(), _unescaped(parts[2])
    if any(part in {".", ".."} for part in re.split(r"[?#]", rest, maxsplit=1)[0].split("/")):
        raise _refused(
            field, "uri-dot-segment", f"{_shown(text)} has . or .. in its path; write what it means."
        )
    if rest.startswith("//"):
        return Name(NameKind.URI, f"{scheme}://{_hierarchy(scheme, rest[2:], text, field)}")
    if scheme in _NEEDS_HOST:
        raise _refused(field, "uri-host", f"A URI of the scheme {scheme} needs a host: {scheme}://host/path.")
    if "@" in rest:
        raise _refused(field, "uri-user", f"{_shown(text)} has a user part; URIs in certificates have none.")
    if "://" in rest:
        raise _refused(field, "uri-scheme", f"{_shown(text)} has more than one scheme.")
    if scheme == "urn" and not _URN.fullmatch(rest):
        raise _refused(field, "uri-urn", f"{_shown(text)} is not a URN: urn:namespace:name (RFC 8141).")
    if not rest:
        raise _refused(field, "uri-empty", f"{_shown(text)} has nothing after its scheme.")
    return Name(NameKind.URI, f"{scheme}:{rest}")


def _unescaped(text: str) -> str:
    def undo(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if _UNRESERVED.fullmatch(character) else match[0].upper()

    return _ESCAPE.sub(undo, text)


def _hierarchy(scheme: str, rest: str, text: str, field: str | None) -> str:
    end = next((i for i, c in enumerate(rest) if c in "/?#"), len(rest))
    authority, path = rest[:end], rest[end:]
    if "@" in authority:
        raise _refused(field, "uri-user", f"{_shown(text)} has a user part; URIs in certificates have none.")
    if any(part in {".", ".."} for part in re.split(r"[?#]", path, maxsplit=1)[0].split("/")):
        raise _refused(
            field, "uri-dot-segment", f"{_shown(text)} has . or .. in its path; write the path it means."
        )
    if scheme == "spiffe":
        return _spiffe(authority.lower(), path, text, field)
    host = _AUTHORITY.fullmatch(authority)
    if host is None or (host[2] is not None and not 0 < int(host[2]) <= 65535):
        raise _refused(field, "uri-host", f"{_shown(text)} has no host, or a port that is none.")
    if not host[1]:
        raise _refused(field, "uri-host", f"{_shown(text)} has no host; write {scheme}://host/path.")
    port = "" if host[2] is None else f":{int(host[2])}"
    return f"{_uri_host(host[1], text, field)}{port}{path}"


def _uri_host(host: str, text: str, field: str | None) -> str:
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1])}]"
        if re.fullmatch(r"[0-9.]+", host):
            return parse_ip_address(host).value
        name = parse_dns_name(host)
    except (NameRefusedError, ValueError) as error:
        raise _refused(
            field, "uri-host", f"The host of {_shown(text)} is no DNS name and no address."
        ) from error
    if name.is_wildcard:
        raise _refused(field, "uri-host", "The host of a URI cannot be a wildcard.")
    return name.value


def _spiffe(trust_domain: str, path: str, text: str, field: str | None) -> str:
    """Verify a SPIFFE ID (SPIFFE-ID section 2): no port, no query, no fragment, no empty segment."""
    if not _TRUST_DOMAIN.fullmatch(trust_domain) or not _SPIFFE_PATH.fullmatch(path):
        raise _refused(field, "uri-spiffe", f"{_shown(text)} is not a SPIFFE ID: spiffe://trust-domain/path.")
    return trust_domain + path
