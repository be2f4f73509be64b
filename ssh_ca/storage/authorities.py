"""Rows of authorities and their serial numbers. A MAC covers the columns that grant power (S5)."""

import msgspec
from sqlalchemy import bindparam, insert, select, update

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.certificates import CertificateType
from ssh_ca.storage.tables import AUTHORITIES as T

TABLE = T.name
#: How many serial numbers an epoch has; epoch n begins at n·2^40 (S6).
EPOCH_SIZE = 2**40

_SELECTED = (*T.columns[:13], T.c.succeeds, T.c.status_since)
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_FIND = statement(select(*_SELECTED).where(*_MINE, T.c.name == bindparam("name")))
_LIST = statement(select(*_SELECTED).where(*_MINE).order_by(T.c.name))
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_REPLACE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("of_id"), T.c.version == bindparam("former_version"))
    .values(
        status=bindparam("new_status"),
        status_since=bindparam("new_status_since"),
        version=bindparam("new_version"),
        mac_version=bindparam("new_mac_version"),
        mac=bindparam("new_mac"),
    )
)
_RESERVE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("id"))
    .values(next_serial_number=T.c.next_serial_number + bindparam("count"))
    .returning(T.c.next_serial_number)
)
# An upkeep of the whole instance after a restore: it speaks of every tenant's rows, and of nothing in them.
_RAISE_EPOCH = statement(
    update(T)
    .where(T.c.epoch < bindparam("new_epoch"))
    .values(epoch=bindparam("new_epoch"), next_serial_number=bindparam("first"))
)


def _protected(authority: SshAuthority) -> tuple[str | int | bytes, ...]:
    return (
        authority.tenant.organization,
        authority.tenant.project,
        authority.id,
        authority.name,
        authority.type.value,
        authority.key_id,
        authority.public_key,
        authority.status.value,
        authority.version,
    )


def _authority(row: Row, mac: RowMac) -> SshAuthority:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    authority = SshAuthority(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        name=row[3],
        type=CertificateType(row[4]),
        key_id=row[5],
        key_algorithm=KeyAlgorithm(row[6]),
        public_key=row[7],
        status=AuthorityStatus(row[8]),
        created_at=from_microseconds(row[9]),
        version=row[10],
        succeeds=row[13],
        status_since=None if row[14] is None else from_microseconds(row[14]),
    )
    mac.verify(row[12], *_protected(authority))
    return authority


async def find_authority(database: Database, mac: RowMac, tenant: Tenant, name: str) -> SshAuthority | None:
    """Return the authority of this name in a project."""
    row = await database.read_one(_FIND, name=name, organization=tenant.organization, project=tenant.project)
    return None if row is None else _authority(row, mac)


async def list_authorities(database: Database, mac: RowMac, tenant: Tenant) -> list[SshAuthority]:
    """Return the authorities of a project by name."""
    rows = await database.read(_LIST, organization=tenant.organization, project=tenant.project)
    return [_authority(row, mac) for row in rows]


async def insert_authority(transaction: Transaction, mac: RowMac, authority: SshAuthority) -> None:
    """Keep a new authority. Raises UniqueViolationError if its name is taken."""
    await transaction.execute(
        _INSERT,
        organization=authority.tenant.organization,
        project=authority.tenant.project,
        id=authority.id,
        name=authority.name,
        type=authority.type.value,
        key_id=authority.key_id,
        key_algorithm=authority.key_algorithm.value,
        public_key=authority.public_key,
        status=authority.status.value,
        created_at=to_microseconds(authority.created_at),
        version=authority.version,
        mac_version=mac.version,
        mac=mac.tag(*_protected(authority)),
        next_serial_number=1,
        epoch=0,
        succeeds=authority.succeeds,
        status_since=to_microseconds(authority.created_at),
    )


async def change_status(
    transaction: Transaction, mac: RowMac, authority: SshAuthority, status: AuthorityStatus
) -> SshAuthority | None:
    """Give an authority another status and return it so; None if it is not as it was read."""
    changed: SshAuthority = msgspec.structs.replace(
        authority, status=status, status_since=transaction.now, version=authority.version + 1
    )
    count = await transaction.execute(
        _REPLACE,
        organization=authority.tenant.organization,
        project=authority.tenant.project,
        of_id=authority.id,
        former_version=authority.version,
        new_status=changed.status.value,
        new_status_since=to_microseconds(transaction.now),
        new_version=changed.version,
        new_mac_version=mac.version,
        new_mac=mac.tag(*_protected(changed)),
    )
    return changed if count == 1 else None


async def reserve_serial_numbers(
    transaction: Transaction, tenant: Tenant, authority_id: str, count: int
) -> range:
    """Take `count` numbers that nobody ever had or will have. They are lost if they are not used."""
    row = await transaction.fetch_one(
        _RESERVE, id=authority_id, count=count, organization=tenant.organization, project=tenant.project
    )
    assert row is not None, "an authority is never deleted"
    return range(row[0] - count, row[0])


async def raise_epoch(transaction: Transaction, epoch: int) -> int:
    """Begin the numbers of every authority anew at epoch·2^40; return how many authorities were behind.

    For restores: numbers used after the backup was taken are never used again.
    """
    return await transaction.execute(_RAISE_EPOCH, new_epoch=epoch, first=epoch * EPOCH_SIZE)
