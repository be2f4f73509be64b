"""What DNS says of a name: the records of one type, at the end of the aliases."""

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from ca_service.egress.errors import NameNotFoundError
from ca_service.egress.hosts import NameServer

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name
    from dns.rdata import Rdata
    from dns.rrset import RRset

#: Of the records of one name and type only so many are looked at.
MOST_RECORDS = 100
MOST_ALIASES = 8

Records: TypeAlias = "list[Rdata]"


class TextRecords(Struct, frozen=True):
    """The TXT records of a name, the strings of each joined; at most 100 of the `total`.

    `is_own` is False where aliases led to another name: then its records are nobody else's to see (S3).
    """

    records: tuple[bytes, ...]
    total: int
    resolver: str
    is_own: bool = True


class CaaRecord(Struct, frozen=True):
    """One CAA record (RFC 8659 section 4.1); the tag is in lower case."""

    flags: int
    tag: str
    value: bytes


def read_records(
    target: "Name", record_type: str, server: NameServer, response: "Message"
) -> "tuple[Records, Name, bool]":
    """Return the records in a response, the name at the end of its aliases, and whether to ask for that next.

    Raises NameNotFoundError if the response says that there is nothing.
    """
    import dns.rcode

    end = target
    for _ in range(MOST_ALIASES):
        rrset = _rrset(response, end, record_type)
        if rrset is not None:
            return list(rrset), end, False
        alias = _alias(response, end)
        if alias is None:
            break
        end = alias
    else:
        return [], end, True
    if response.rcode() != dns.rcode.NXDOMAIN and end != target:
        return [], end, True
    name = target.to_text(omit_final_dot=True)
    rcode = "NXDOMAIN" if response.rcode() == dns.rcode.NXDOMAIN else "NODATA"
    raise not_found(name, record_type, server, rcode)


def not_found(name: str, record_type: str, server: NameServer, rcode: str) -> NameNotFoundError:
    """Return the error for a name that does not exist (NXDOMAIN) or has no such record (NODATA)."""
    detail = f"DNS: {name} has no {record_type} record (asked {server})."
    if rcode == "NXDOMAIN":
        detail = f"DNS: {name} does not exist (NXDOMAIN for {record_type} from {server})."
    return NameNotFoundError(detail, name=name, resolver=str(server), rcode=rcode)


def _alias(response: "Message", owner: "Name") -> "Name | None":
    """Return what `owner` is an alias of: its CNAME, or what a DNAME above it makes of it (RFC 6672)."""
    import dns.name
    import dns.rdatatype

    direct = _rrset(response, owner, "CNAME")
    if direct is not None:
        return _target_of(direct)
    for rrset in response.answer:
        if rrset.rdtype == dns.rdatatype.DNAME and owner != rrset.name and owner.is_subdomain(rrset.name):
            try:
                return owner.relativize(rrset.name).concatenate(_target_of(rrset))
            except dns.name.NameTooLong:
                return None
    return None


def _target_of(rrset: "RRset") -> "Name":
    from dns.name import Name

    target = getattr(rrset[0], "target", None)
    assert isinstance(target, Name), "CNAME and DNAME records have a target"
    return target


def _rrset(response: "Message", owner: "Name", record_type: str) -> "RRset | None":
    import dns.rdataclass
    import dns.rdatatype

    return response.get_rrset(response.answer, owner, dns.rdataclass.IN, dns.rdatatype.from_text(record_type))
