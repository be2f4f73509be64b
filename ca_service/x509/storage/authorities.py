"""Rows of authorities. Each carries a MAC over the columns that grant power (S5)."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, or_, select, update

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.storage.tables import AUTHORITIES as T

TABLE = T.name
#: The list of columns under the MAC that names `external_chain`, `predecessor` and `csr` too.
_EXTENDED = 2
_COLUMNS = tuple(column.name for column in T.columns)
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))

_FIND_BY_NAME = statement(select(T).where(*_MINE, T.c.name == bindparam("name")))
_FIND_BY_ID = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_FIND_PUBLIC = statement(select(T).where(T.c.id == bindparam("id")))
_LIST = statement(select(T).where(*_MINE).order_by(T.c.created_at, T.c.id))
#: A successor that was not switched to yet; the oldest, should two requests have made one each.
_FIND_SUCCESSOR = statement(
    select(T)
    .where(
        *_MINE,
        T.c.predecessor == bindparam("id"),
        or_(
            T.c.status == AuthorityStatus.PENDING.value,
            T.c.status == AuthorityStatus.PREPARED.value,
        ),
    )
    .order_by(T.c.id)
    .limit(1)
)
_LIST_SUCCESSORS = statement(select(T).where(*_MINE, T.c.predecessor == bindparam("id")).order_by(T.c.id))
#: Ids are sorted by birth, and under the MAC where `created_at` is not.
_FIND_FIRST_ROOT = statement(
    select(T)
    .where(T.c.parent.is_(None), T.c.external_chain.is_(None), T.c.predecessor.is_(None))
    .order_by(T.c.id)
    .limit(1)
)
_INSERT = statement(insert(T).values({name: bindparam(name) for name in _COLUMNS}))
_UPDATE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("id"), T.c.version == bindparam("former_version"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "name",
                "parent",
                "status",
                "certificate",
                "not_before",
                "not_after",
                "version",
                "external_chain",
                "predecessor",
                "csr",
                "mac_version",
                "mac",
            )
        }
    )
)
#: Changes nothing, and keeps others from changing it before the end of the transaction.
_CONFIRM = statement(
    update(T)
    .where(
        *_MINE,
        T.c.id == bindparam("id"),
        T.c.version == bindparam("known_version"),
    )
    .values(version=T.c.version)
)
_encode_chain = msgspec.json.Encoder().encode
_decode_chain = msgspec.json.Decoder(tuple[bytes, ...]).decode


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {"organization": tenant.organization, "project": tenant.project}


def encode_chain(chain: tuple[bytes, ...] | None) -> bytes | None:
    """Return what stands above an external certificate as it is kept."""
    return None if chain is None else _encode_chain(chain)


def decode_chain(kept: bytes | None) -> tuple[bytes, ...] | None:
    """Return what was kept."""
    return None if kept is None else _decode_chain(kept)


def _extended(mac: RowMac, authority: Authority) -> RowMac:
    """Return what tags a row: an authority that only the second list of columns describes has that one."""
    has_more = (authority.external_chain, authority.predecessor, authority.csr_der) != (None, None, None)
    return mac.at(_EXTENDED) if has_more else mac


def _protected(authority: Authority, mac_version: int) -> tuple[str | int | bytes | None, ...]:
    columns = (
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
    if mac_version < _EXTENDED:
        return columns
    return (*columns, encode_chain(authority.external_chain), authority.predecessor, authority.csr_der)


def _values(mac: RowMac, authority: Authority) -> dict[str, Any]:
    """Return the columns that change."""
    row_mac = _extended(mac, authority)
    return {
        "id": authority.id,
        "name": authority.name,
        "parent": authority.parent,
        "status": authority.status.value,
        "certificate": authority.certificate_der,
        "not_before": to_microseconds(authority.not_before),
        "not_after": to_microseconds(authority.not_after),
        "version": authority.version,
        "external_chain": encode_chain(authority.external_chain),
        "predecessor": authority.predecessor,
        "csr": authority.csr_der,
        "mac_version": row_mac.version,
        "mac": row_mac.tag(*_protected(authority, row_mac.version)),
        **_tenant(authority.tenant),
    }


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
        external_chain=decode_chain(row[15]),
        predecessor=row[16],
        csr_der=row[17],
    )
    # The list of columns follows from what the row says, so that none can be smuggled in under a shorter one.
    row_mac = _extended(mac, authority)
    row_mac.verify(row[14], *_protected(authority, row_mac.version))
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


async def find_successor(database: Database, mac: RowMac, authority: Authority) -> Authority | None:
    """Return the authority that is prepared to succeed another, if there is one."""
    row = await database.read_one(_FIND_SUCCESSOR, id=authority.id, **_tenant(authority.tenant))
    return None if row is None else _authority(row, mac)


async def list_successors(database: Database, mac: RowMac, authority: Authority) -> list[Authority]:
    """Return the authorities that succeed or succeeded another, oldest first."""
    rows = await database.read(_LIST_SUCCESSORS, id=authority.id, **_tenant(authority.tenant))
    return [_authority(row, mac) for row in rows]


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
        key_id=authority.key_id,
        key_algorithm=authority.key_algorithm.value,
        created_at=to_microseconds(authority.created_at),
        **_values(mac, authority),
    )


async def update_authority(transaction: Transaction, mac: RowMac, authority: Authority) -> bool:
    """Write an authority over the version before; False if another changed it first.

    Raises UniqueViolationError if its new name is taken.
    """
    changed = await transaction.execute(
        _UPDATE, former_version=authority.version - 1, **_values(mac, authority)
    )
    return changed == 1


async def confirm_authority(transaction: Transaction, authority: Authority) -> bool:
    """Hold an authority as it is until the end of the transaction; False if another changed it before."""
    found = await transaction.execute(
        _CONFIRM,
        id=authority.id,
        known_version=authority.version,
        **_tenant(authority.tenant),
    )
    return found == 1
