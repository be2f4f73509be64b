"""Rows of login mappings. A MAC covers the columns that grant power (S5)."""

import msgspec
from sqlalchemy import and_, bindparam, delete, insert, or_, select

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import any_of, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ssh_ca.hosts import LoginMapping, MappingScope, SshHost
from ssh_ca.storage.host_tables import LOGIN_MAPPINGS as T

TABLE = T.name
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_FIND = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_LIST = statement(
    select(T).where(*_MINE, T.c.id > bindparam("after")).order_by(T.c.id).limit(bindparam("limit"))
)
_LIST_OF_HOST = statement(
    select(T)
    .where(
        *_MINE,
        or_(
            T.c.scope == MappingScope.PROJECT.value,
            and_(T.c.scope == MappingScope.HOST.value, T.c.scope_name == bindparam("host_name")),
            and_(T.c.scope == MappingScope.GROUP.value, any_of(T.c.scope_name, "groups")),
        ),
    )
    .order_by(T.c.id)
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_DELETE = statement(delete(T).where(*_MINE, T.c.id == bindparam("id")))


def _mapping(row: Row, mac: RowMac) -> LoginMapping:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    mac.verify(row[11], *row[:9])
    return LoginMapping(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        scope=MappingScope(row[3]),
        scope_name=row[4],
        account=row[5],
        principals=msgspec.json.decode(row[6], type=tuple[str, ...]),
        identities=msgspec.json.decode(row[7], type=tuple[str, ...]),
        created_by=row[8],
        created_at=from_microseconds(row[9]),
    )


async def find_mapping(
    database: Database, mac: RowMac, tenant: Tenant, mapping_id: str
) -> LoginMapping | None:
    """Return the mapping of this id in a project."""
    row = await database.read_one(_FIND, id=mapping_id, **_owner(tenant))
    return None if row is None else _mapping(row, mac)


async def list_mappings(
    database: Database, mac: RowMac, tenant: Tenant, limit: int, after: str | None
) -> list[LoginMapping]:
    """Return at most `limit` mappings, oldest first, from the one behind `after` on."""
    rows = await database.scan(_LIST, after=after or "", limit=limit, **_owner(tenant))
    return [_mapping(row, mac) for row in rows]


async def list_mappings_of(database: Database, mac: RowMac, host: SshHost) -> list[LoginMapping]:
    """Return the mappings that apply to a host: its own, those of its groups, those of the project."""
    rows = await database.scan(
        _LIST_OF_HOST, host_name=host.name, groups=list(host.groups), **_owner(host.tenant)
    )
    return [_mapping(row, mac) for row in rows]


async def insert_mapping(transaction: Transaction, mac: RowMac, mapping: LoginMapping) -> None:
    """Keep a new mapping."""
    columns: dict[str, str | int | bytes] = {
        "organization": mapping.tenant.organization,
        "project": mapping.tenant.project,
        "id": mapping.id,
        "scope": mapping.scope.value,
        "scope_name": mapping.scope_name,
        "account": mapping.account,
        "principals": msgspec.json.encode(mapping.principals),
        "identities": msgspec.json.encode(mapping.identities),
        "created_by": mapping.created_by,
    }
    await transaction.execute(
        _INSERT,
        **columns,
        created_at=to_microseconds(mapping.created_at),
        mac_version=mac.version,
        mac=mac.tag(*columns.values()),
    )


async def delete_mapping(transaction: Transaction, tenant: Tenant, mapping_id: str) -> bool:
    """Forget a mapping; False if it was not there."""
    return await transaction.execute(_DELETE, id=mapping_id, **_owner(tenant)) == 1


def _owner(tenant: Tenant) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project}
