"""Rows of dynamic secrets. A MAC covers every column (S5)."""

from collections.abc import Callable

from sqlalchemy import bindparam, insert, select, update

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import any_of, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.dynamic.dynamic_secrets import DynamicSecret
from secrets_core.dynamic.storage.durations import from_micros, to_micros
from secrets_core.dynamic.storage.tables import DYNAMIC_SECRETS
from secrets_core.paths import FolderPath

_T = DYNAMIC_SECRETS.c
_MINE = (_T.organization == bindparam("organization"), _T.project == bindparam("project"))
_IN_FOLDER = (_T.environment == bindparam("environment"), _T.path == bindparam("path"))
_IS_THERE = _T.deleted_at.is_(None)
_FIND = statement(select(DYNAMIC_SECRETS).where(*_MINE, *_IN_FOLDER, _T.name == bindparam("name"), _IS_THERE))
_FIND_BY_ID = statement(select(DYNAMIC_SECRETS).where(*_MINE, _T.id == bindparam("id")))
_FIND_MANY = statement(select(DYNAMIC_SECRETS).where(*_MINE, any_of(_T.id, "ids")))
_LIST = statement(
    select(DYNAMIC_SECRETS)
    .where(*_MINE, *_IN_FOLDER, _T.name > bindparam("after"), _IS_THERE)
    .order_by(_T.name)
    .limit(bindparam("limit"))
)
_INSERT = statement(
    insert(DYNAMIC_SECRETS).values(
        {column.name: bindparam(column.name) for column in DYNAMIC_SECRETS.columns}
    )
)
_KEYS = ("organization", "project", "id")
_CHANGE = statement(
    update(DYNAMIC_SECRETS)
    .where(*_MINE, _T.id == bindparam("of_id"), _T.version == bindparam("of_version"), _IS_THERE)
    .values({each.name: bindparam(f"new_{each.name}") for each in _T if each.name not in _KEYS})
)
_OF_ID = (*_MINE, _T.id == bindparam("id"), _IS_THERE)
#: Several may hold it at once; whoever deletes the row waits for them, and they for who deletes it.
_HOLD = statement(select(_T.id).where(*_OF_ID).with_for_update(read=True))
#: One at a time: what is counted under it stays true until the end of the transaction.
_LOCK = statement(select(_T.id).where(*_OF_ID).with_for_update())


async def find_dynamic_secret(
    database: Database, mac: RowMac, tenant: Tenant, environment: str, path: FolderPath, name: str
) -> DynamicSecret | None:
    """Return the dynamic secret of this name in a folder."""
    row = await database.read_one(_FIND, environment=environment, path=path, name=name, **_owner(tenant))
    return None if row is None else _secret(row, mac)


async def find_dynamic_secret_by_id(
    database: Database, mac: RowMac, tenant: Tenant, secret_id: str
) -> DynamicSecret | None:
    """Return the dynamic secret of this id, deleted or not."""
    row = await database.read_one(_FIND_BY_ID, id=secret_id, **_owner(tenant))
    return None if row is None else _secret(row, mac)


async def find_dynamic_secrets(
    database: Database, mac: RowMac, tenant: Tenant, ids: list[str]
) -> dict[str, DynamicSecret]:
    """Return the dynamic secrets of these ids, deleted or not."""
    rows = await database.read(_FIND_MANY, ids=ids, **_owner(tenant))
    return {secret.id: secret for secret in (_secret(row, mac) for row in rows)}


async def list_dynamic_secrets(
    database: Database,
    mac: RowMac,
    tenant: Tenant,
    environment: str,
    path: FolderPath,
    limit: int,
    after: str,
) -> list[DynamicSecret]:
    """Return at most `limit` of a folder in the order of their names, those behind `after`."""
    rows = await database.scan(
        _LIST, environment=environment, path=path, limit=limit, after=after, **_owner(tenant)
    )
    return [_secret(row, mac) for row in rows]


async def insert_dynamic_secret(transaction: Transaction, mac: RowMac, secret: DynamicSecret) -> None:
    """Keep a new one. Raises UniqueViolationError if the folder has one of this name."""
    await transaction.execute(_INSERT, **_values(secret, mac))


async def change_dynamic_secret(
    transaction: Transaction, mac: RowMac, before: DynamicSecret, after: DynamicSecret
) -> bool:
    """Write what changed; False if somebody else changed or deleted it meanwhile."""
    values = {f"new_{name}": value for name, value in _values(after, mac).items() if name not in _KEYS}
    changed = await transaction.execute(
        _CHANGE, of_id=before.id, of_version=before.version, **values, **_owner(before.tenant)
    )
    return changed == 1


def hold_dynamic_secret(
    transaction: Transaction, secret: DynamicSecret, otherwise: Callable[[], Exception]
) -> None:
    """Keep it from being deleted until the transaction ends; `otherwise()` ends that if it is gone."""
    transaction.require(_HOLD, otherwise, id=secret.id, **_owner(secret.tenant))


async def lock_dynamic_secret(transaction: Transaction, secret: DynamicSecret) -> None:
    """Keep everybody else from giving leases of it until the transaction ends."""
    await transaction.fetch_one(_LOCK, id=secret.id, **_owner(secret.tenant))


def _values(secret: DynamicSecret, mac: RowMac) -> dict[str, Value]:
    columns: dict[str, str | int | bytes | None] = {
        "organization": secret.tenant.organization,
        "project": secret.tenant.project,
        "id": secret.id,
        "environment": secret.environment,
        "environment_slug": secret.environment_slug,
        "path": secret.path,
        "name": secret.name,
        "provider": secret.provider,
        "target": secret.target,
        "version": secret.version,
        "sealed": secret.sealed,
        "default_ttl": to_micros(secret.default_ttl),
        "max_ttl": to_micros(secret.max_ttl),
        "username_template": secret.username_template,
        "created_at": to_microseconds(secret.created_at),
        "created_by": secret.created_by,
        "updated_at": to_microseconds(secret.updated_at),
        "deleted_at": None if secret.deleted_at is None else to_microseconds(secret.deleted_at),
    }
    live_in = secret.environment if secret.deleted_at is None else None
    return {**columns, "mac_version": mac.version, "mac": mac.tag(*columns.values()), "live_in": live_in}


def _secret(row: Row, mac: RowMac) -> DynamicSecret:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    mac.verify(row[19], *row[:18])
    return DynamicSecret(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        environment=row[3],
        environment_slug=row[4],
        path=FolderPath(row[5]),
        name=row[6],
        provider=row[7],
        target=row[8],
        version=row[9],
        sealed=row[10],
        default_ttl=from_micros(row[11]),
        max_ttl=from_micros(row[12]),
        username_template=row[13],
        created_at=from_microseconds(row[14]),
        created_by=row[15],
        updated_at=from_microseconds(row[16]),
        deleted_at=None if row[17] is None else from_microseconds(row[17]),
    )


def _owner(tenant: Tenant) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project}
