"""What may be asked of the inventory, read from the words of a request."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from ca_service.kernel.errors import MalformedError
from ca_service.policy.names import NameRefusedError, parse_dns_name, parse_ip_address
from ca_service.x509.certificates import CertificateStatus

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


class InventoryQuery(Struct, frozen=True, kw_only=True):
    """One search in its decided form; `now` tells valid from expired."""

    now: datetime
    serial_number: str | None = None
    status: CertificateStatus | None = None
    name: NameQuery | None = None
    profile: str | None = None
    authority_id: str | None = None
    expires_before: datetime | None = None
    order_by: str = "-created_at"
    after: Position | None = None


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
