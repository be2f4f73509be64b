"""Rows of cross-certificates; each carries a MAC over all of its columns (S5)."""

from collections import defaultdict

from sqlalchemy import and_, bindparam, insert, select

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.authorities import CrossCertificate
from ca_service.x509.storage.authorities import decode_chain, encode_chain
from ca_service.x509.storage.tables import CERTIFICATES
from ca_service.x509.storage.tables import CROSS_CERTIFICATES as T

TABLE = T.name
#: Those that their issuer revoked lead nowhere.
_LIST_STANDING = statement(
    select(T)
    .select_from(
        T.outerjoin(
            CERTIFICATES,
            and_(
                CERTIFICATES.c.organization == T.c.organization,
                CERTIFICATES.c.project == T.c.project,
                CERTIFICATES.c.id == T.c.certificate,
            ),
        )
    )
    .where(
        T.c.organization == bindparam("organization"),
        T.c.project == bindparam("project"),
        CERTIFICATES.c.revoked_at.is_(None),
    )
    .order_by(T.c.id)
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))


def _protected(cross: CrossCertificate) -> tuple[str | int | bytes | None, ...]:
    return (
        cross.tenant.organization,
        cross.tenant.project,
        cross.id,
        cross.authority_id,
        cross.issuer,
        cross.certificate,
        cross.der,
        encode_chain(cross.external_chain),
        to_microseconds(cross.created_at),
    )


def _cross_certificate(row: Row, mac: RowMac) -> CrossCertificate:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    cross = CrossCertificate(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        authority_id=row[3],
        issuer=row[4],
        certificate=row[5],
        der=row[6],
        external_chain=decode_chain(row[7]) or (),
        created_at=from_microseconds(row[8]),
    )
    mac.verify(row[10], *_protected(cross))
    return cross


async def list_standing(
    database: Database, mac: RowMac, tenant: Tenant
) -> dict[str, tuple[CrossCertificate, ...]]:
    """Return the cross-certificates of a project that were not revoked, by authority, oldest first."""
    rows = await database.read(_LIST_STANDING, organization=tenant.organization, project=tenant.project)
    found: defaultdict[str, list[CrossCertificate]] = defaultdict(list)
    for row in rows:
        cross = _cross_certificate(row, mac)
        found[cross.authority_id].append(cross)
    return {authority: tuple(crosses) for authority, crosses in found.items()}


async def insert_cross_certificate(transaction: Transaction, mac: RowMac, cross: CrossCertificate) -> None:
    """Keep a new cross-certificate."""
    await transaction.execute(
        _INSERT,
        organization=cross.tenant.organization,
        project=cross.tenant.project,
        id=cross.id,
        authority=cross.authority_id,
        issuer=cross.issuer,
        certificate=cross.certificate,
        der=cross.der,
        external_chain=encode_chain(cross.external_chain),
        created_at=to_microseconds(cross.created_at),
        mac_version=mac.version,
        mac=mac.tag(*_protected(cross)),
    )
