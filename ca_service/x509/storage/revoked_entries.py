"""Rows of what revocation lists tell: one encoded entry for each revocation, by position."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import and_, bindparam, func, insert, or_, select

from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import any_of, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.authorities import Authority
from ca_service.x509.certificates import Certificate
from ca_service.x509.issuers import shard_named_by
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.revocation import Entry, encoded_entry, reason_of
from ca_service.x509.storage.revocation_lists import WHOLE, ListKey, ListState, want_part, want_publication
from ca_service.x509.storage.tables import CERTIFICATES as C
from ca_service.x509.storage.tables import REVOKED_ENTRIES as T

#: Rows that are read at once, so that a long list never stands in memory as rows.
_PAGE = 20_000

_MINE = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.authority == bindparam("authority"),
)
_INTEGER = T.c.position.type
_AFTER = T.c.position > bindparam("after", type_=_INTEGER)
_UNTIL = T.c.position <= bindparam("until", type_=_INTEGER)
_OF_PART = T.c.part == bindparam("part")
_ENDS = bindparam("ended_before", type_=_INTEGER)
_STILL_TOLD = or_(T.c.not_after >= _ENDS, T.c.revoked_at >= _ENDS)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_COUNT = statement(select(func.count()).where(*_MINE, _AFTER, _UNTIL))
_NEW = statement(select(T.c.entry).where(*_MINE, _AFTER, _UNTIL).order_by(T.c.position))
_NEW_OF_PART = statement(select(T.c.entry).where(*_MINE, _OF_PART, _AFTER, _UNTIL).order_by(T.c.position))
_PAGED = select(T.c.position, T.c.entry).order_by(T.c.position).limit(_PAGE)
_ALL = statement(_PAGED.where(*_MINE, _AFTER, _UNTIL, _STILL_TOLD))
_ALL_OF_PART = statement(_PAGED.where(*_MINE, _OF_PART, _AFTER, _UNTIL, _STILL_TOLD))
_LIST_UNTOLD = statement(
    select(C.c.serial_number, C.c.revoked_at, C.c.revocation_reason, C.c.not_after, C.c.certificate)
    .select_from(
        C.outerjoin(
            T,
            and_(
                T.c.organization == C.c.organization,
                T.c.project == C.c.project,
                T.c.authority == C.c.authority,
                T.c.serial_number == C.c.serial_number,
            ),
        )
    )
    .where(
        C.c.organization == bindparam("organization"),
        C.c.project == bindparam("project"),
        C.c.authority == bindparam("authority"),
        C.c.revoked_at.is_not(None),
        T.c.position.is_(None),
    )
    .limit(500)
)
_FIND_NUMBERS = statement(
    select(T.c.serial_number, T.c.revoked_at, T.c.entry).where(
        *_MINE, any_of(T.c.serial_number, "serial_numbers")
    )
)
_IS_IN_INVENTORY = statement(
    select(C.c.id).where(
        C.c.organization == bindparam("organization"),
        C.c.project == bindparam("project"),
        C.c.authority == bindparam("authority"),
        C.c.serial_number == bindparam("serial_number"),
    )
)


class RevokedRow(Struct, frozen=True):
    """A revoked certificate: what its entry says, and which list beside the complete one tells it."""

    entry: Entry
    serial_number: str
    part: str
    not_after: datetime


def revoked_row(certificate: Certificate, at: datetime, reason: RevocationReason) -> RevokedRow:
    """Return what lists tell of a certificate that was revoked."""
    return RevokedRow(
        Entry(int(certificate.serial_number, 16), at, reason),
        certificate.serial_number,
        shard_named_by(certificate.der),
        certificate.not_after,
    )


async def note_revoked(
    transaction: Transaction, certificate: Certificate, reason: RevocationReason
) -> RevokedRow:
    """Keep the entry of a certificate that this transaction revoked, and want it told."""
    row = revoked_row(certificate, transaction.now, reason)
    await keep_entries(transaction, certificate.tenant, certificate.authority_id, [row])
    return row


async def keep_entries(
    transaction: Transaction, tenant: Tenant, authority_id: str, rows: Sequence[RevokedRow]
) -> None:
    """Keep entries at positions of their own and want them told, in the complete list and in the shards'."""
    last = await want_publication(transaction, tenant, authority_id, len(rows))
    latest: dict[str, int] = {}
    for position, row in enumerate(rows, last - len(rows) + 1):
        await transaction.execute(
            _INSERT,
            organization=tenant.organization,
            project=tenant.project,
            authority=authority_id,
            position=position,
            serial_number=row.serial_number,
            part=row.part,
            entry=encoded_entry(row.entry),
            revoked_at=to_microseconds(row.entry.revoked_at),
            not_after=to_microseconds(row.not_after),
        )
        latest[row.part] = position
    for part, position in latest.items():
        if part != WHOLE:
            await want_part(transaction, ListKey(tenant, authority_id, part), position)


async def list_untold(database: Database, tenant: Tenant, authority_id: str) -> list[RevokedRow]:
    """Return revoked certificates without an entry, at most 500: an earlier release revoked them."""
    rows = await database.scan(
        _LIST_UNTOLD, organization=tenant.organization, project=tenant.project, authority=authority_id
    )
    return [
        RevokedRow(
            Entry(int(serial, 16), from_microseconds(at), RevocationReason(reason)),
            serial,
            shard_named_by(der),
            from_microseconds(not_after),
        )
        for serial, at, reason, not_after, der in rows
    ]


async def find_revoked_numbers(
    database: Database, authority: Authority, serial_numbers: Iterable[str]
) -> dict[str, tuple[datetime, RevocationReason]]:
    """Return since when and why those of the numbers are revoked that lists tell, in the inventory or not."""
    rows = await database.read(
        _FIND_NUMBERS, serial_numbers=list(serial_numbers), **_owner(ListKey(authority.tenant, authority.id))
    )
    return {
        serial: (from_microseconds(at), reason_of(entry, int(serial, 16), from_microseconds(at)))
        for serial, at, entry in rows
    }


async def is_revoked_number(transaction: Transaction, authority: Authority, serial_number: str) -> bool:
    """Tell whether a number is revoked; nobody else revokes any of the authority's until the commit."""
    await want_publication(transaction, authority.tenant, authority.id, more=0)
    key = ListKey(authority.tenant, authority.id)
    found = await transaction.fetch_one(_FIND_NUMBERS, serial_numbers=[serial_number], **_owner(key))
    return found is not None


async def is_in_inventory(transaction: Transaction, authority: Authority, serial_number: str) -> bool:
    """Tell whether the inventory has a certificate of this number."""
    key = ListKey(authority.tenant, authority.id)
    found = await transaction.fetch_one(_IS_IN_INVENTORY, serial_number=serial_number, **_owner(key))
    return found is not None


async def list_new(database: Database, key: ListKey, state: ListState) -> list[bytes] | None:
    """Return the entries of a list that it does not tell yet; None if any position has none."""
    between: dict[str, Value] = {"after": state.published, "until": state.wanted, **_owner(key)}
    counted = await database.read_one(_COUNT, **between)
    if counted is None or counted[0] != state.wanted - state.published:
        return None
    if key.part:
        rows = await database.scan(_NEW_OF_PART, part=key.part, **between)
    else:
        rows = await database.scan(_NEW, **between)
    return [row[0] for row in rows]


async def read_all(
    database: Database, key: ListKey, until: int, ended_before: datetime
) -> AsyncIterator[list[bytes]]:
    """Yield pages of the entries that a list tells: up to a position, and still of use at that time."""
    after = -1
    while True:
        bounds: dict[str, Value] = {
            "after": after,
            "until": until,
            "ended_before": to_microseconds(ended_before),
            **_owner(key),
        }
        if key.part:
            rows = await database.scan(_ALL_OF_PART, part=key.part, **bounds)
        else:
            rows = await database.scan(_ALL, **bounds)
        yield [row[1] for row in rows]
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def _owner(key: ListKey) -> dict[str, str]:
    return {
        "organization": key.tenant.organization,
        "project": key.tenant.project,
        "authority": key.authority_id,
    }
