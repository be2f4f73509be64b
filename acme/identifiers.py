"""What an order asks a certificate for (RFC 8555 sections 7.1.3 and 9.7.7)."""

from msgspec import Struct

from acme.errors import IdentifierFault, RejectedIdentifierError, UnsupportedIdentifierError
from ca_service.kernel.errors import MalformedError
from ca_service.policy.names import Name, NameKind, NameRefusedError, parse_dns_name

MAXIMUM_IDENTIFIERS = 100


class Identifier(Struct, frozen=True, order=True):
    """A type and a value in the form that is signed; a wildcard's value starts with `*.`."""

    type: str
    value: str

    @property
    def is_wildcard(self) -> bool:
        """Return whether this stands for all names one label below its base."""
        return self.value.startswith("*.")

    @property
    def base(self) -> "Identifier":
        """Return what is validated: the name without `*.` (section 7.1.4)."""
        return Identifier(self.type, self.value.removeprefix("*."))

    @property
    def name(self) -> Name:
        """Return the name as policies and certificates know it."""
        return Name(NameKind.DNS, self.value)


def parse_identifiers(value: object) -> tuple[Identifier, ...]:
    """Return the identifiers of a newOrder: normalised, sorted, each once.

    Raises MalformedError for a list that cannot be read, UnsupportedIdentifierError or
    RejectedIdentifierError with one fault for each identifier that will not be served.
    """
    if not isinstance(value, list) or not value:
        raise MalformedError(
            "`identifiers` must be an array of at least one identifier.", field="identifiers"
        )
    if len(value) > MAXIMUM_IDENTIFIERS:
        raise MalformedError(f"An order has at most {MAXIMUM_IDENTIFIERS} identifiers.", field="identifiers")
    found: set[Identifier] = set()
    faults: list[IdentifierFault] = []
    for number, raw in enumerate(value):
        type_, text = _read(raw, f"identifiers[{number}]")
        fault = _fault(type_, text)
        if fault is None:
            found.add(Identifier("dns", parse_dns_name(text).value))
        else:
            faults.append(fault)
    if faults:
        raise rejection(faults)
    return tuple(sorted(found))


def rejection(faults: list[IdentifierFault]) -> RejectedIdentifierError:
    """Return the error for an order with these faults, of which there is at least one."""
    detail = (
        faults[0].detail if len(faults) == 1 else f"{len(faults)} identifiers are refused; see subproblems."
    )
    if all(fault.unsupported for fault in faults):
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


def _fault(type_: str, text: str) -> IdentifierFault | None:
    shown = ascii(text[:80])[1:-1]
    if type_ != "dns":
        detail = f"Identifiers of type `{ascii(type_[:40])[1:-1]}` are not supported; use `dns`."
        return IdentifierFault(ascii(type_[:40])[1:-1], shown, detail, unsupported=True)
    if not text.isascii():
        return IdentifierFault("dns", shown, f"`{shown}` is not ASCII; write its labels as A-labels (xn--…).")
    try:
        parse_dns_name(text)
    except NameRefusedError as error:
        return IdentifierFault("dns", shown, error.detail)
    return None
