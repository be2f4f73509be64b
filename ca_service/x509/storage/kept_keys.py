"""Rows of kept keys. Each carries a MAC over whose it is: a renewal is made as its owner (S5, S15)."""

from datetime import datetime

from sqlalchemy import bindparam, insert, null, select, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.kept_keys import KeptKey
from ca_service.x509.storage.life_tables import KEPT_KEYS as T

_MINE = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.certificate == bindparam("certificate"),
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_FIND = statement(select(T).where(*_MINE))
_LIST_DUE = statement(
    select(T)
    .where(T.c.renew_at <= bindparam("now"), T.c.renew_at.is_not(None))
    .order_by(T.c.renew_at)
    .limit(bindparam("most", type_=T.c.created_at.type))
)
_SETTLE = statement(
    update(T)
    .where(*_MINE, T.c.renewed_by.is_(None))
    .values(renewed_by=bindparam("new_certificate"), renew_at=null(), last_error="")
)
_POSTPONE = statement(
    update(T)
    .where(*_MINE, T.c.renewed_by.is_(None), T.c.attempts == bindparam("former_attempts"))
    .values(
        renew_at=bindparam("new_renew_at", type_=T.c.renew_at.type),
        attempts=T.c.attempts + 1,
        last_error=bindparam("new_error"),
    )
)


def _key(kept: KeptKey) -> dict[str, str]:
    return {
        "organization": kept.tenant.organization,
        "project": kept.tenant.project,
        "certificate": kept.certificate,
    }


def _protected(kept: KeptKey) -> tuple[str | bytes, ...]:
    return (kept.tenant.organization, kept.tenant.project, kept.certificate, kept.owner, kept.sealed)


def _kept_key(row: Row, mac: RowMac) -> KeptKey:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    kept = KeptKey(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        certificate=row[2],
        owner=row[3],
        sealed=row[4],
        renew_at=None if row[6] is None else from_microseconds(row[6]),
        renewed_by=row[7],
        attempts=row[8],
        last_error=row[9],
    )
    mac.verify(row[11], *_protected(kept))
    return kept


def insert_kept_key(transaction: Transaction, mac: RowMac, kept: KeptKey) -> None:
    """Keep a key beside its certificate."""
    transaction.send(
        _INSERT,
        owner=kept.owner,
        sealed=kept.sealed,
        created_at=to_microseconds(transaction.now),
        renew_at=None if kept.renew_at is None else to_microseconds(kept.renew_at),
        renewed_by=None,
        attempts=0,
        last_error="",
        mac_version=mac.version,
        mac=mac.tag(*_protected(kept)),
        **_key(kept),
    )


async def find_kept_key(
    database: Database, mac: RowMac, tenant: Tenant, certificate_id: str
) -> KeptKey | None:
    """Return the key that is kept for a certificate."""
    row = await database.read_one(
        _FIND, organization=tenant.organization, project=tenant.project, certificate=certificate_id
    )
    return None if row is None else _kept_key(row, mac)


async def list_due_renewals(database: Database, mac: RowMac, *, most: int) -> tuple[list[KeptKey], list[str]]:
    """Return the keys whose certificates are to be renewed now, the longest due first.

    Beside them stand the certificates of rows that were changed outside: they are not renewed, the others
    are.
    """
    rows = await database.read(_LIST_DUE, now=to_microseconds(database.now()), most=most)
    due: list[KeptKey] = []
    damaged: list[str] = []
    for row in rows:
        try:
            due.append(_kept_key(row, mac))
        except IntegrityError:
            damaged.append(row[2])
    return due, damaged


async def settle_renewal(transaction: Transaction, kept: KeptKey, new_certificate: str) -> bool:
    """Note that a certificate was renewed by another; False if one was made before."""
    return await transaction.execute(_SETTLE, new_certificate=new_certificate, **_key(kept)) == 1


async def postpone_renewal(
    transaction: Transaction, kept: KeptKey, renew_at: datetime | None, error: str
) -> bool:
    """Note why a renewal failed and when it is tried again (None: never); False if another noted it first."""
    changed = await transaction.execute(
        _POSTPONE,
        former_attempts=kept.attempts,
        new_renew_at=None if renew_at is None else to_microseconds(renew_at),
        new_error=error,
        **_key(kept),
    )
    return changed == 1
