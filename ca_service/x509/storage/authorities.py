"""Rows of authorities. Each carries a MAC over the columns that grant power (S5)."""

from typing import Any

from sqlalchemy import bindparam, insert, select, update

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.storage.tables import AUTHORITIES as T

TABLE = T.name
_COLUMNS = tuple(column.name for column in T.columns)
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))

_FIND_BY_NAME = statement(select(T).where(*_MINE, T.c.name == bindparam("name")))
_FIND_BY_ID = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_FIND_PUBLIC = statement(select(T).where(T.c.id == bindparam("id")))
_LIST = statement(select(T).where(*_MINE).order_by(T.c.created_at, T.c.id))
#: Ids are sorted by birth, and under the MAC where `created_at` is not.
_FIND_FIRST_ROOT = statement(select(T).where(T.c.parent.is_(None)).order_by(T.c.id).limit(1))
_INSERT = statement(insert(T).values({name: bindparam(name) for name in _COLUMNS}))
_UPDATE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("id"), T.c.version == bindparam("former_version"))
    .values(status=bindparam("status"), version=bindparam("version"), mac=bindparam("mac"))
)


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {"organization": tenant.organization, "project": tenant.project}


def _tag(mac: RowMac, authority: Authority) -> bytes:
    return mac.tag(*_protected(authority))


def _protected(authority: Authority) -> tuple[str | int | bytes | None, ...]:
    return (
        authority.tenant.organization,
        authority.tenant.project,
        authority.id,
        authority.name,
        authority.parent,
        authority.key_id,
        authority.key_algorithm.value,
        authority.status.value,
        authority.certificate_der,
        authority.version,
    )


def _authority(row: Row, mac: RowMac) -> Authority:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    authority = Authority(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        name=row[3],
        parent=row[4],
        key_id=row[5],
        key_algorithm=KeyAlgorithm(row[6]),
        status=AuthorityStatus(row[7]),
        certificate_der=row[8],
        not_before=from_microseconds(row[9]),
        not_after=from_microseconds(row[10]),
        created_at=from_microseconds(row[11]),
        version=row[12],
    )
    mac.verify(row[14], *_protected(authority))
    return authority


async def find_authority(database: Database, mac: RowMac, tenant: Tenant, name: str) -> Authority | None:
    """Return the authority of this name in a project."""
    row = await database.read_one(_FIND_BY_NAME, name=name, **_tenant(tenant))
    return None if row is None else _authority(row, mac)


async def find_authority_by_id(
    database: Database, mac: RowMac, tenant: Tenant, authority_id: str
) -> Authority | None:
    """Return the authority of this id in a project."""
    row = await database.read_one(_FIND_BY_ID, id=authority_id, **_tenant(tenant))
    return None if row is None else _authority(row, mac)


async def find_public_authority(database: Database, mac: RowMac, authority_id: str) -> Authority | None:
    """Return an authority by its opaque id alone: what it publishes is for everyone."""
    row = await database.read_one(_FIND_PUBLIC, id=authority_id)
    return None if row is None else _authority(row, mac)


async def list_authorities(database: Database, mac: RowMac, tenant: Tenant) -> list[Authority]:
    """Return the authorities of a project, oldest first."""
    return [_authority(row, mac) for row in await database.read(_LIST, **_tenant(tenant))]


async def find_first_root(database: Database, mac: RowMac) -> Authority | None:
    """Return the root that first start made: the one trust anchor of the instance.

    Roots that projects make later are theirs alone; whoever trusts the instance does not trust them.
    """
    row = await database.read_one(_FIND_FIRST_ROOT)
    return None if row is None else _authority(row, mac)


async def insert_authority(transaction: Transaction, mac: RowMac, authority: Authority) -> None:
    """Keep a new authority. Raises UniqueViolationError if its name is taken."""
    await transaction.execute(
        _INSERT,
        id=authority.id,
        name=authority.name,
        parent=authority.parent,
        key_id=authority.key_id,
        key_algorithm=authority.key_algorithm.value,
        status=authority.status.value,
        certificate=authority.certificate_der,
        not_before=to_microseconds(authority.not_before),
        not_after=to_microseconds(authority.not_after),
        created_at=to_microseconds(authority.created_at),
        version=authority.version,
        mac_version=mac.version,
        mac=_tag(mac, authority),
        **_tenant(authority.tenant),
    )


async def update_authority(transaction: Transaction, mac: RowMac, authority: Authority) -> bool:
    """Write the status of an authority over the version before; False if another changed it first."""
    changed = await transaction.execute(
        _UPDATE,
        id=authority.id,
        former_version=authority.version - 1,
        version=authority.version,
        status=authority.status.value,
        mac=_tag(mac, authority),
        **_tenant(authority.tenant),
    )
    return changed == 1
