"""Rows of tokens that enrol hosts. A MAC covers every column: a used token stays used (S5)."""

from collections.abc import Callable

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ssh_ca.hosts import HostToken
from ssh_ca.storage.host_tables import HOST_TOKENS as T

TABLE = T.name
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_FIND = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_LIST = statement(
    select(T).where(*_MINE, T.c.id < bindparam("before")).order_by(T.c.id.desc()).limit(bindparam("limit"))
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
#: Of several at once exactly one changes the row.
_USE = statement(
    update(T)
    .where(
        *_MINE,
        T.c.id == bindparam("of_id"),
        T.c.used_at.is_(None),
        T.c.expires_at > bindparam("now", type_=T.c.expires_at.type),
    )
    .values(used_at=bindparam("new_used_at"), used_by=bindparam("new_used_by"), mac=bindparam("new_mac"))
)
_DELETE = statement(delete(T).where(*_MINE, T.c.id == bindparam("id")))
_AFTER_ALL = "hst_~"


def _values(token: HostToken, mac: RowMac) -> dict[str, Value]:
    columns: dict[str, str | int | bytes | None] = {
        "organization": token.tenant.organization,
        "project": token.tenant.project,
        "id": token.id,
        "host": token.host,
        "names": msgspec.json.encode(token.names),
        "groups": msgspec.json.encode(token.groups),
        "profile": token.profile,
        "user_authority": token.user_authority or "",
        "tag": token.tag,
        "owner": token.owner,
        "created_at": to_microseconds(token.created_at),
        "expires_at": to_microseconds(token.expires_at),
        "used_at": None if token.used_at is None else to_microseconds(token.used_at),
        "used_by": token.used_by,
    }
    return {**columns, "mac_version": mac.version, "mac": mac.tag(*columns.values())}


def _token(row: Row, mac: RowMac) -> HostToken:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    mac.verify(row[15], *row[:14])
    return HostToken(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        host=row[3],
        names=msgspec.json.decode(row[4], type=tuple[str, ...]),
        groups=msgspec.json.decode(row[5], type=tuple[str, ...]),
        profile=row[6],
        user_authority=row[7] or None,
        tag=row[8],
        owner=row[9],
        created_at=from_microseconds(row[10]),
        expires_at=from_microseconds(row[11]),
        used_at=None if row[12] is None else from_microseconds(row[12]),
        used_by=row[13],
    )


async def find_host_token(database: Database, mac: RowMac, tenant: Tenant, token_id: str) -> HostToken | None:
    """Return the token of this id in a project."""
    row = await database.read_one(_FIND, id=token_id, **_owner(tenant))
    return None if row is None else _token(row, mac)


async def list_host_tokens(
    database: Database, mac: RowMac, tenant: Tenant, limit: int, after: str | None
) -> list[HostToken]:
    """Return at most `limit` tokens, newest first, from the one behind `after` on."""
    rows = await database.scan(_LIST, before=after or _AFTER_ALL, limit=limit, **_owner(tenant))
    return [_token(row, mac) for row in rows]


async def insert_host_token(transaction: Transaction, mac: RowMac, token: HostToken) -> None:
    """Keep a new token."""
    await transaction.execute(_INSERT, **_values(token, mac))


def use_host_token(
    transaction: Transaction,
    mac: RowMac,
    token: HostToken,
    host_id: str,
    otherwise: Callable[[], Exception],
) -> None:
    """Use the token up; `otherwise()` ends the transaction if another was first or it has expired."""
    used = msgspec.structs.replace(token, used_at=transaction.now, used_by=host_id)
    values = _values(used, mac)
    transaction.require(
        _USE,
        otherwise,
        of_id=token.id,
        now=to_microseconds(transaction.now),
        new_used_at=values["used_at"],
        new_used_by=host_id,
        new_mac=values["mac"],
        **_owner(token.tenant),
    )


async def delete_host_token(transaction: Transaction, tenant: Tenant, token_id: str) -> bool:
    """Forget a token; False if it was not there."""
    return await transaction.execute(_DELETE, id=token_id, **_owner(tenant)) == 1


def _owner(tenant: Tenant) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project}
