"""Rows of mass revocations, and the certificates that one means, in the order of their ids."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.authorities import AUTHORITY_PROFILE
from ca_service.x509.certificates import Certificate
from ca_service.x509.mass_revocations import MassRevocation, Selection, Selector
from ca_service.x509.ocsp_delegates import DELEGATE_PROFILE
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.certificates import JOINED, MINE, SELECTED, certificate_of
from ca_service.x509.storage.life_tables import REVOCATIONS as R
from ca_service.x509.storage.tables import CERTIFICATES as T

_MINE = (
    R.c.organization == bindparam("organization"),
    R.c.project == bindparam("project"),
    R.c.id == bindparam("id"),
)
_MEANT: dict[Selector, Any] = {
    Selector.IDENTITY: T.c.owner == bindparam("value"),
    Selector.KEY: T.c.key_hash == bindparam("value"),
    Selector.PROFILE: T.c.profile == bindparam("value"),
    Selector.AUTHORITY: T.c.authority == bindparam("value"),
}
#: Certificates of authorities and of their responders are revoked one by one, by who manages them.
_OPEN = (
    T.c.profile.not_in([AUTHORITY_PROFILE, DELEGATE_PROFILE]),
    T.c.revoked_at.is_(None),
    T.c.not_after >= bindparam("not_ended_before"),
    T.c.created_at <= bindparam("born_until"),
)
_COUNTS = {
    selector: statement(select(func.count(T.c.id)).where(*MINE, meant, *_OPEN))
    for selector, meant in _MEANT.items()
}
_BATCHES = {
    selector: statement(
        select(*SELECTED)
        .select_from(JOINED)
        .where(*MINE, meant, *_OPEN, T.c.id > bindparam("after_id"))
        .order_by(T.c.id)
        .limit(bindparam("most", type_=T.c.created_at.type))
    )
    for selector, meant in _MEANT.items()
}
_INSERT = statement(insert(R).values({column.name: bindparam(column.name) for column in R.columns}))
_FIND = statement(select(R).where(*_MINE))
_MOVE = statement(
    update(R)
    .where(*_MINE, R.c.after_id == bindparam("former_after_id"), R.c.finished_at.is_(None))
    .values(
        after_id=bindparam("new_after_id"),
        done=R.c.done + bindparam("more", type_=R.c.done.type),
        finished_at=bindparam("new_finished_at", type_=R.c.finished_at.type),
    )
)


def _meaning(tenant: Tenant, selection: Selection, now: datetime, born_until: datetime) -> dict[str, Any]:
    value: str | bytes = selection.value
    if selection.selector is Selector.KEY:
        value = bytes.fromhex(selection.value)
    return {
        "organization": tenant.organization,
        "project": tenant.project,
        "value": value,
        "not_ended_before": to_microseconds(now),
        "born_until": to_microseconds(born_until),
    }


def _protected(revocation: MassRevocation) -> tuple[str | int, ...]:
    return (
        revocation.tenant.organization,
        revocation.tenant.project,
        revocation.id,
        revocation.selection.selector.value,
        revocation.selection.value,
        revocation.reason.value,
        to_microseconds(revocation.created_at),
    )


def _revocation(row: Row, mac: RowMac) -> MassRevocation:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    revocation = MassRevocation(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        selection=Selection(Selector(row[3]), row[4]),
        reason=RevocationReason(row[5]),
        total=row[6],
        done=row[7],
        after_id=row[8],
        asked_by=row[9],
        created_at=from_microseconds(row[10]),
        finished_at=None if row[11] is None else from_microseconds(row[11]),
    )
    mac.verify(row[13], *_protected(revocation))
    return revocation


async def count_meant(database: Database, tenant: Tenant, selection: Selection, now: datetime) -> int:
    """Return how many certificates of a selection are neither revoked nor ended; reads them all."""
    rows = await database.scan(_COUNTS[selection.selector], **_meaning(tenant, selection, now, now))
    return int(rows[0][0])


async def next_meant(
    database: Database, revocation: MassRevocation, now: datetime, *, most: int
) -> list[Certificate]:
    """Return the next certificates that a revocation means, none once it is through."""
    rows = await database.scan(
        _BATCHES[revocation.selection.selector],
        after_id=revocation.after_id,
        most=most,
        **_meaning(revocation.tenant, revocation.selection, now, revocation.created_at),
    )
    return [certificate_of(row) for row in rows]


async def insert_revocation(transaction: Transaction, mac: RowMac, revocation: MassRevocation) -> None:
    """Keep what was asked for."""
    await transaction.execute(
        _INSERT,
        organization=revocation.tenant.organization,
        project=revocation.tenant.project,
        id=revocation.id,
        selector=revocation.selection.selector.value,
        value=revocation.selection.value,
        reason=revocation.reason.value,
        total=revocation.total,
        done=0,
        after_id="",
        asked_by=revocation.asked_by,
        created_at=to_microseconds(revocation.created_at),
        finished_at=None,
        mac_version=mac.version,
        mac=mac.tag(*_protected(revocation)),
    )


async def find_revocation(
    database: Database, mac: RowMac, tenant: Tenant, revocation_id: str
) -> MassRevocation | None:
    """Return the revocation of this id in a project."""
    row = await database.read_one(
        _FIND, organization=tenant.organization, project=tenant.project, id=revocation_id
    )
    return None if row is None else _revocation(row, mac)


async def move_revocation(
    transaction: Transaction, revocation: MassRevocation, after_id: str, more: int, *, is_finished: bool
) -> bool:
    """Note how far it came; False if another process noted it first."""
    changed = await transaction.execute(
        _MOVE,
        organization=revocation.tenant.organization,
        project=revocation.tenant.project,
        id=revocation.id,
        former_after_id=revocation.after_id,
        new_after_id=after_id,
        more=more,
        new_finished_at=to_microseconds(transaction.now) if is_finished else None,
    )
    return changed == 1
