"""What may be asked of the inventory, read from the words of a request."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from ca_service.kernel.errors import MalformedError
from ca_service.policy.names import NameRefusedError, parse_dns_name, parse_ip_address
from ca_service.x509.certificates import CertificateStatus

_IMPORTED = frozenset({CertificateStatus.IMPORTED, CertificateStatus.UNVERIFIED})
ORDERS = ("created_at", "-created_at", "not_after", "-not_after")


class NameMatch(StrEnum):
    """How a name is looked for: exact, all below (`*.example.com`), all that begin so (`example.*`)."""

    EXACT = "exact"
    BELOW = "below"
    BEGINS = "begins"


class NameQuery(Struct, frozen=True):
    """A name to look for, without its star."""

    match: NameMatch
    text: str


class Position(Struct, frozen=True, array_like=True):
    """Where the next page begins: after the row with this sort key and id."""

    order_by: str
    key: int
    id: str

    def id_in(self, mark: str) -> str:
        """Return the id as one of another kind that was born at the same moment: certificates and imports."""
        return mark + self.id.partition("_")[2]


class InventoryQuery(Struct, frozen=True, kw_only=True):
    """One search in its decided form; `now` tells valid from expired."""

    now: datetime
    serial_number: str | None = None
    status: CertificateStatus | None = None
    name: NameQuery | None = None
    profile: str | None = None
    authority_id: str | None = None
    expires_before: datetime | None = None
    expires_after: datetime | None = None
    fingerprint: bytes | None = None
    key_hash: bytes | None = None
    order_by: str = "-created_at"
    after: Position | None = None

    @property
    def covers_own(self) -> bool:
        """Tell whether a certificate that was issued here can match."""
        return self.status not in _IMPORTED

    @property
    def is_of_issued(self) -> bool:
        """Tell whether only what people were issued is meant, not what authorities and responders hold.

        Those are found by what names them: their profile, serial number, fingerprint, key or name.
        """
        named = (self.profile, self.serial_number, self.fingerprint, self.key_hash, self.name)
        return all(value is None for value in named)

    @property
    def covers_imports(self) -> bool:
        """Tell whether an imported certificate can match: it has neither profile nor authority of ours."""
        is_asked = self.status is None or self.status in _IMPORTED
        return is_asked and self.profile is None and self.authority_id is None


def parse_name_query(text: str) -> NameQuery:
    """Return what `name=` asks for; a name is brought into the form that was signed."""
    if text.startswith("*.") and len(text) > 2:
        return NameQuery(NameMatch.BELOW, _canonical(text[2:]))
    if text.endswith(".*") and len(text) > 2:
        return NameQuery(NameMatch.BEGINS, _canonical(text[:-2]))
    return NameQuery(NameMatch.EXACT, _canonical(text))


def _canonical(text: str) -> str:
    for parse in (parse_ip_address, parse_dns_name):
        try:
            return parse(text).value
        except NameRefusedError:
            continue
    return text


def parse_serial_number(text: str) -> str:
    """Return a serial number as it is kept; colons, upper case and a missing zero in front are forgiven."""
    digits = text.replace(":", "").lower().lstrip("0")
    if not digits or len(digits) > 40 or any(digit not in "0123456789abcdef" for digit in digits):
        raise MalformedError(
            "A serial number is 1 to 40 hexadecimal digits.", field="serial_number", rule="serial-number"
        )
    return digits if len(digits) % 2 == 0 else "0" + digits


def parse_order(text: str) -> str:
    """Return the order of a list. Raises MalformedError."""
    if text not in ORDERS:
        detail = f"Lists are in the order of {', '.join(ORDERS)}."
        raise MalformedError(detail, field="order_by", rule="order-by")
    return text


def parse_position(key: str, order_by: str) -> Position:
    """Return where a page begins. Raises MalformedError for a cursor of another order or another list."""
    try:
        position = msgspec.json.decode(key, type=Position)
    except msgspec.DecodeError:
        position = None
    if position is None or position.order_by != order_by:
        detail = "The cursor is not of this list in this order; leave it out to begin anew."
        raise MalformedError(detail, field="cursor", rule="cursor")
    return position


def position_text(position: Position) -> str:
    """Return a position as a cursor carries it."""
    return msgspec.json.encode(position).decode()
