"""What an order asks a certificate for (RFC 8555 sections 7.1.3 and 9.7.7, RFC 8738).

Values are brought into the form that is signed: DNS names as lower-case A-labels, addresses as RFC 5952
writes them, IPv4-mapped ones as IPv4.
"""

from collections.abc import Sequence

from msgspec import Struct

from acme.errors import (
    CompoundError,
    IdentifierFault,
    RejectedIdentifierError,
    UnsupportedIdentifierError,
)
from ca_service.kernel.errors import MalformedError
from ca_service.policy.names import Name, NameKind, NameRefusedError, parse_dns_name, parse_ip_address

DNS = "dns"
IP = "ip"

MAXIMUM_IDENTIFIERS = 100
#: Of all values together: a certificate with more would not fit into many handshakes.
MAXIMUM_BYTES = 16 * 1024
#: Deeper names are mistakes of scripts more often than names (Boulder's bound).
MAXIMUM_LABELS = 10


class Identifier(Struct, frozen=True, order=True):
    """A type and a value in the form that is signed; a wildcard's value starts with `*.`."""

    type: str
    value: str

    @property
    def is_wildcard(self) -> bool:
        """Return whether this stands for all names one label below its base."""
        return self.type == DNS and self.value.startswith("*.")

    @property
    def base(self) -> "Identifier":
        """Return what is validated: the name without `*.` (section 7.1.4)."""
        return Identifier(self.type, self.value.removeprefix("*.")) if self.is_wildcard else self

    @property
    def name(self) -> Name:
        """Return the name as policies and certificates know it."""
        return Name(NameKind(self.type), self.value)


def parse_identifiers(value: object) -> tuple[Identifier, ...]:
    """Return the identifiers of a newOrder: normalised, sorted, each once.

    Raises MalformedError for a list that cannot be read or is too long; UnsupportedIdentifierError,
    RejectedIdentifierError or CompoundError with one fault for each identifier that will not be served.
    """
    if not isinstance(value, list) or not value:
        raise MalformedError(
            "`identifiers` must be an array of at least one identifier.", field="identifiers"
        )
    if len(value) > MAXIMUM_IDENTIFIERS:
        raise MalformedError(f"An order has at most {MAXIMUM_IDENTIFIERS} identifiers.", field="identifiers")
    texts = [_read(raw, f"identifiers[{number}]") for number, raw in enumerate(value)]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for _, text in texts)
    if size > MAXIMUM_BYTES:
        raise MalformedError(
            f"The identifiers are {size} bytes long together; at most {MAXIMUM_BYTES} are taken. "
            "Spread them over several orders.",
            field="identifiers",
        )
    found = [_parse(type_, text) for type_, text in texts]
    faults = [each for each in found if isinstance(each, IdentifierFault)]
    if faults:
        raise rejection(faults)
    return tuple(sorted({each for each in found if isinstance(each, Identifier)}))


def parse_identifier(value: object) -> Identifier:
    """Return the one identifier of a newAuthz (RFC 8555 section 7.4.1); it raises what the list raises."""
    type_, text = _read(value, "identifier")
    found = _parse(type_, text)
    if isinstance(found, IdentifierFault):
        raise rejection([found])
    if found.is_wildcard:
        detail = f"`{found.value}` is a wildcard, which an order proves; ask for it with newOrder."
        raise rejection([IdentifierFault(found.type, found.value, detail)])
    return found


def rejection(faults: Sequence[IdentifierFault]) -> RejectedIdentifierError:
    """Return the error for an order with these faults, of which there is at least one."""
    if len(faults) == 1:
        detail = faults[0].detail
    else:
        detail = f"{len(faults)} identifiers are refused; the subproblems say which and why."
    kinds = {fault.unsupported for fault in faults}
    if len(kinds) > 1:
        return CompoundError(detail, tuple(faults))
    if kinds == {True}:
        return UnsupportedIdentifierError(detail, tuple(faults))
    return RejectedIdentifierError(detail, tuple(faults))


def _read(raw: object, field: str) -> tuple[str, str]:
    if not isinstance(raw, dict):
        raise MalformedError(f"`{field}` is not an object.", field=field)
    type_, text = raw.get("type"), raw.get("value")
    if not isinstance(type_, str) or not isinstance(text, str):
        raise MalformedError(f"`{field}` must have the texts `type` and `value`.", field=field)
    if not text:
        raise MalformedError(f"The `value` of `{field}` is empty.", field=field)
    return type_, text


def _parse(type_: str, text: str) -> Identifier | IdentifierFault:
    if type_ == DNS:
        return _dns(text)
    if type_ == IP:
        return _ip(text)
    shown = _shown(type_, 40)
    detail = f"Identifiers of type `{shown}` are not supported; use `dns` or `ip`."
    return IdentifierFault(shown, _shown(text), detail, unsupported=True)


def _dns(text: str) -> Identifier | IdentifierFault:
    mistake = _dns_mistake(text)
    if mistake is not None:
        return IdentifierFault(DNS, _shown(text), mistake)
    try:
        return Identifier(DNS, parse_dns_name(text).value)
    except NameRefusedError as error:
        return IdentifierFault(DNS, _shown(text), error.detail)


def _dns_mistake(text: str) -> str | None:
    """Return what is wrong in ACME's eyes, or for a reason that can be told better than by syntax."""
    shown = _shown(text)
    if not text.isascii():
        return f"`{shown}` is not ASCII; write its labels as A-labels (xn--…)."
    if _is_address(text):
        return f"`{shown}` is an address; order it as an identifier of type `ip`."
    if text.startswith("."):
        return f"`{shown}` begins with a dot; leave the dot out."
    if text.count("*") > 1:
        return f"`{shown}` has more than one `*`; a wildcard is one `*` as the whole first label."
    labels = text.removeprefix("*.").split(".")
    if len(labels) > MAXIMUM_LABELS:
        return f"`{shown}` has {len(labels)} labels; at most {MAXIMUM_LABELS} are taken."
    return None


def _ip(text: str) -> Identifier | IdentifierFault:
    try:
        return Identifier(IP, parse_ip_address(text).value)
    except NameRefusedError as error:
        return IdentifierFault(IP, _shown(text), error.detail)


def _is_address(text: str) -> bool:
    try:
        parse_ip_address(text.removeprefix("[").removesuffix("]"))
    except NameRefusedError:
        return False
    return True


def _shown(text: str, most: int = 80) -> str:
    return ascii(text[:most])[1:-1]
