"""Rows of delegated OCSP responders. Each carries a MAC: its key answers for an authority (S5)."""

from sqlalchemy import and_, bindparam, insert, select

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.ocsp_delegates import Delegate
from ca_service.x509.storage.tables import CERTIFICATES as C
from ca_service.x509.storage.tables import OCSP_RESPONDERS as T
from ca_service.x509.storage.tables import PUBLISHING

TABLE = T.name
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_FIND_LAST = statement(
    select(
        T.c.generation,
        T.c.key_id,
        T.c.certificate,
        T.c.der,
        T.c.not_after,
        T.c.renew_at,
        T.c.mac,
        C.c.revoked_at,
    )
    .select_from(
        T.join(
            C,
            and_(
                C.c.organization == T.c.organization,
                C.c.project == T.c.project,
                C.c.id == T.c.certificate,
            ),
        )
    )
    .where(
        T.c.organization == bindparam("organization"),
        T.c.project == bindparam("project"),
        T.c.authority == bindparam("authority"),
    )
    .order_by(T.c.generation.desc())
    .limit(1)
)
_LIST_CHOOSERS = statement(
    select(PUBLISHING.c.organization, PUBLISHING.c.project, PUBLISHING.c.authority).order_by(
        PUBLISHING.c.authority
    )
)


def _owner(tenant: Tenant, authority_id: str) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project, "authority": authority_id}


def _protected(tenant: Tenant, authority_id: str, delegate: Delegate) -> tuple[str | int | bytes, ...]:
    return (
        *_owner(tenant, authority_id).values(),
        delegate.generation,
        delegate.key_id,
        delegate.certificate_id,
        delegate.der,
        to_microseconds(delegate.not_after),
    )


async def find_last_delegate(
    database: Database, mac: RowMac, tenant: Tenant, authority_id: str
) -> Delegate | None:
    """Return the newest responder of an authority. Raises IntegrityError if its row was changed outside."""
    row = await database.read_one(_FIND_LAST, **_owner(tenant, authority_id))
    if row is None:
        return None
    delegate = Delegate(
        generation=row[0],
        key_id=row[1],
        certificate_id=row[2],
        der=row[3],
        not_after=from_microseconds(row[4]),
        renew_at=from_microseconds(row[5]),
        is_revoked=row[7] is not None,
    )
    mac.verify(row[6], *_protected(tenant, authority_id, delegate))
    return delegate


async def insert_delegate(
    transaction: Transaction, mac: RowMac, tenant: Tenant, authority_id: str, delegate: Delegate
) -> None:
    """Keep a new responder. Raises UniqueViolationError if another of its generation was made first."""
    await transaction.execute(
        _INSERT,
        generation=delegate.generation,
        key_id=delegate.key_id,
        certificate=delegate.certificate_id,
        der=delegate.der,
        not_after=to_microseconds(delegate.not_after),
        renew_at=to_microseconds(delegate.renew_at),
        mac_version=mac.version,
        mac=mac.tag(*_protected(tenant, authority_id, delegate)),
        **_owner(tenant, authority_id),
    )


async def list_choosers(database: Database) -> list[tuple[Tenant, str]]:
    """Return the authorities that chose how to publish: those with a responder are among them."""
    rows = await database.scan(_LIST_CHOOSERS)
    return [
        (Tenant(OrganizationId(organization), ProjectId(project)), authority)
        for organization, project, authority in rows
    ]
