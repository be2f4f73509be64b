"""Rows of keys. A MAC covers every column (S5)."""

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select, update

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.kms.keys import KmsAlgorithm, KmsKey
from secrets_core.kms.storage.tables import KEYS as T

TABLE = T.name
_MOST_DUE = 100
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
#: Names have no underscore and ids have one, so that a text is one or the other.
_FIND = statement(select(T).where(*_MINE, or_(T.c.name == bindparam("key"), T.c.id == bindparam("key"))))
_LIST = statement(
    select(T).where(*_MINE, T.c.name > bindparam("after")).order_by(T.c.name).limit(bindparam("limit"))
)
_LIST_DUE = statement(
    select(T.c.organization, T.c.project, T.c.id)
    .where(T.c.deletes_at <= bindparam("now"))
    .order_by(T.c.deletes_at)
    .limit(_MOST_DUE)
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
#: Columns that change with a revision.
_CHANGING = (
    "name",
    "description",
    "is_enabled",
    "version",
    "minimum_version",
    "updated_at",
    "deletes_at",
    "revision",
    "mac_version",
    "mac",
)
_REPLACE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("of_id"), T.c.revision == bindparam("former_revision"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_DELETE = statement(
    delete(T).where(*_MINE, T.c.id == bindparam("id"), T.c.revision == bindparam("former_revision"))
)


def _columns(key: KmsKey) -> dict[str, str | int | bytes | None]:
    return {
        "organization": key.tenant.organization,
        "project": key.tenant.project,
        "id": key.id,
        "name": key.name,
        "algorithm": key.algorithm.value,
        "description": key.description,
        "is_enabled": int(key.is_enabled),
        "version": key.version,
        "minimum_version": key.minimum_version,
        "created_at": to_microseconds(key.created_at),
        "created_by": key.created_by,
        "updated_at": to_microseconds(key.updated_at),
        "deletes_at": None if key.deletes_at is None else to_microseconds(key.deletes_at),
        "revision": key.revision,
    }


def _values(key: KmsKey, mac: RowMac) -> dict[str, Value]:
    columns = _columns(key)
    return {**columns, "mac_version": mac.version, "mac": mac.tag(*columns.values())}


def _key(row: Row, mac: RowMac) -> KmsKey:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    mac.verify(row[15], *row[:14])
    return KmsKey(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        name=row[3],
        algorithm=KmsAlgorithm(row[4]),
        description=row[5],
        is_enabled=bool(row[6]),
        version=row[7],
        minimum_version=row[8],
        created_at=from_microseconds(row[9]),
        created_by=row[10],
        updated_at=from_microseconds(row[11]),
        deletes_at=None if row[12] is None else from_microseconds(row[12]),
        revision=row[13],
    )


async def find_key(database: Database, mac: RowMac, tenant: Tenant, key: str) -> KmsKey | None:
    """Return the key with this name or id in a project."""
    row = await database.read_one(_FIND, key=key, **_owner(tenant))
    return None if row is None else _key(row, mac)


async def list_keys(
    database: Database, mac: RowMac, tenant: Tenant, limit: int, after: str | None
) -> list[KmsKey]:
    """Return at most `limit` keys by name, from the one behind `after` on."""
    rows = await database.read(_LIST, after=after or "", limit=limit, **_owner(tenant))
    return [_key(row, mac) for row in rows]


async def list_due_keys(database: Database, now: datetime) -> list[tuple[Tenant, str]]:
    """Return project and id of keys whose wait is over, the longest over first; at most 100."""
    rows = await database.scan(_LIST_DUE, now=to_microseconds(now))
    return [(Tenant(OrganizationId(row[0]), ProjectId(row[1])), row[2]) for row in rows]


async def insert_key(transaction: Transaction, mac: RowMac, key: KmsKey) -> None:
    """Keep a new key. Raises UniqueViolationError if its name is taken."""
    await transaction.execute(_INSERT, **_values(key, mac))


async def update_key(transaction: Transaction, mac: RowMac, key: KmsKey) -> bool:
    """Write a key over the revision before; False if that is not what is there.

    Raises UniqueViolationError if its name is another's.
    """
    values = _values(key, mac)
    changed = await transaction.execute(
        _REPLACE,
        of_id=key.id,
        former_revision=key.revision - 1,
        **{f"new_{name}": values[name] for name in _CHANGING},
        **_owner(key.tenant),
    )
    return changed == 1


async def delete_key(transaction: Transaction, key: KmsKey) -> bool:
    """Forget a key whose versions are gone; False if it was changed since."""
    deleted = await transaction.execute(
        _DELETE, id=key.id, former_revision=key.revision, **_owner(key.tenant)
    )
    return deleted == 1


def _owner(tenant: Tenant) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project}
