"""Rows of versions of keys: sealed material, and a MAC over every column (S5)."""

from sqlalchemy import bindparam, delete, insert, select

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.kms.keys import KeyVersion, KmsKey
from secrets_core.kms.storage.tables import KEY_VERSIONS as T

TABLE = T.name
_OF_KEY = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.key == bindparam("key"),
)
_FIND = statement(select(T).where(*_OF_KEY, T.c.version == bindparam("version")))
_LIST = statement(
    select(T)
    .where(*_OF_KEY, T.c.version < bindparam("before"))
    .order_by(T.c.version.desc())
    .limit(bindparam("limit"))
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_DELETE = statement(delete(T).where(*_OF_KEY))


def _columns(version: KeyVersion) -> dict[str, str | int | bytes | None]:
    return {
        "organization": version.tenant.organization,
        "project": version.tenant.project,
        "key": version.key,
        "version": version.version,
        "public_key": version.public_key,
        "sealed": version.sealed,
        "created_at": to_microseconds(version.created_at),
        "created_by": version.created_by,
    }


def _version(row: Row, mac: RowMac) -> KeyVersion:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    mac.verify(row[9], *row[:8])
    return KeyVersion(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        key=row[2],
        version=row[3],
        public_key=row[4],
        sealed=row[5],
        created_at=from_microseconds(row[6]),
        created_by=row[7],
    )


async def find_version(database: Database, mac: RowMac, key: KmsKey, version: int) -> KeyVersion | None:
    """Return one version of a key."""
    row = await database.read_one(_FIND, version=version, **_owner(key))
    return None if row is None else _version(row, mac)


async def list_versions(
    database: Database, mac: RowMac, key: KmsKey, limit: int, before: int
) -> list[KeyVersion]:
    """Return at most `limit` versions below `before`, newest first."""
    rows = await database.read(_LIST, before=before, limit=limit, **_owner(key))
    return [_version(row, mac) for row in rows]


async def insert_version(transaction: Transaction, mac: RowMac, version: KeyVersion) -> None:
    """Keep a new version."""
    columns = _columns(version)
    tag = mac.tag(*columns.values())
    await transaction.execute(_INSERT, **columns, mac_version=mac.version, mac=tag)


async def delete_versions(transaction: Transaction, key: KmsKey) -> None:
    """Destroy the material of a key for good."""
    await transaction.execute(_DELETE, **_owner(key))


def _owner(key: KmsKey) -> dict[str, Value]:
    return {"organization": key.tenant.organization, "project": key.tenant.project, "key": key.id}
