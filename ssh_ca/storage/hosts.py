"""Rows of hosts. A MAC covers the columns that grant power (S5)."""

from collections.abc import Callable
from datetime import datetime
from functools import cache

import msgspec
from sqlalchemy import and_, bindparam, delete, exists, insert, select, update

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import Statement, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ssh_ca.certificates import CertificateType
from ssh_ca.hosts import HostStatus, SshHost
from ssh_ca.storage.host_tables import HOST_GROUPS as G
from ssh_ca.storage.host_tables import HOSTS as T
from ssh_ca.storage.tables import CERTIFICATES

TABLE = T.name
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_FIND = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_FIND_BY_NAME = statement(select(T).where(*_MINE, T.c.name == bindparam("name")))
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_KEPT = ("organization", "project", "id", "name", "created_at")
_CHANGED = tuple(column.name for column in T.columns if column.name not in _KEPT)
_REPLACE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("of_id"), T.c.version == bindparam("former_version"))
    .where(T.c.proved_at < bindparam("proved_before", type_=T.c.proved_at.type))
    .values({name: bindparam(f"new_{name}", type_=T.c[name].type) for name in _CHANGED})
)
_REMOVE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("of_id"), T.c.version == bindparam("former_version"))
    .values(
        status=bindparam("new_status"),
        version=bindparam("new_version"),
        mac_version=bindparam("new_mac_version"),
        mac=bindparam("new_mac"),
    )
)
_PROVE = statement(
    update(T)
    .where(
        *_MINE,
        T.c.id == bindparam("of_id"),
        T.c.version == bindparam("former_version"),
        T.c.status == HostStatus.ACTIVE.value,
        T.c.proved_at < bindparam("proved_before", type_=T.c.proved_at.type),
    )
    .values(proved_at=bindparam("new_proved_at"))
)
_DROP_GROUPS = statement(
    delete(G).where(
        G.c.organization == bindparam("organization"),
        G.c.project == bindparam("project"),
        G.c.host == bindparam("of_host"),
    )
)
_INSERT_GROUP = statement(insert(G).values({column.name: bindparam(column.name) for column in G.columns}))
#: A host proves itself with a key for which it has a certificate that is good.
_FIND_GOOD_CERTIFICATE = statement(
    select(CERTIFICATES.c.id)
    .where(
        CERTIFICATES.c.organization == bindparam("organization"),
        CERTIFICATES.c.project == bindparam("project"),
        CERTIFICATES.c.fingerprint == bindparam("fingerprint"),
        CERTIFICATES.c.key_id == bindparam("key_id"),
        CERTIFICATES.c.type == CertificateType.HOST.value,
        CERTIFICATES.c.revoked_at.is_(None),
        CERTIFICATES.c.valid_before > bindparam("now", type_=CERTIFICATES.c.valid_before.type),
    )
    .limit(1)
)


def _protected(values: dict[str, Value]) -> tuple[str | int | bytes | None, ...]:
    named = (
        "organization", "project", "id", "name", "names", "groups", "profile", "user_authority", "keys",
        "status", "version",
    )  # fmt: skip
    found = [values[name] for name in named]
    return tuple(each for each in found if not isinstance(each, list))


def _values(host: SshHost, mac: RowMac) -> dict[str, Value]:
    values: dict[str, Value] = {
        **_owner(host.tenant),
        "id": host.id,
        "name": host.name,
        "names": msgspec.json.encode(host.names),
        "groups": msgspec.json.encode(host.groups),
        "profile": host.profile,
        "user_authority": host.user_authority or "",
        "keys": msgspec.json.encode(host.keys),
        "status": host.status.value,
        "enrolled_by": host.enrolled_by,
        "created_at": to_microseconds(host.created_at),
        "proved_at": to_microseconds(host.proved_at),
        "version": host.version,
        "mac_version": mac.version,
    }
    return {**values, "mac": mac.tag(*_protected(values))}


def _host(row: Row, mac: RowMac) -> SshHost:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    values: dict[str, Value] = dict(zip(T.columns.keys(), row, strict=True))
    mac.verify(row[15], *_protected(values))
    return SshHost(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        name=row[3],
        names=msgspec.json.decode(row[4], type=tuple[str, ...]),
        groups=msgspec.json.decode(row[5], type=tuple[str, ...]),
        profile=row[6],
        user_authority=row[7] or None,
        keys=msgspec.json.decode(row[8], type=tuple[str, ...]),
        status=HostStatus(row[9]),
        enrolled_by=row[10],
        created_at=from_microseconds(row[11]),
        proved_at=from_microseconds(row[12]),
        version=row[13],
    )


async def find_host(database: Database, mac: RowMac, tenant: Tenant, host_id: str) -> SshHost | None:
    """Return the host of this id in a project."""
    row = await database.read_one(_FIND, id=host_id, **_owner(tenant))
    return None if row is None else _host(row, mac)


async def find_host_by_name(database: Database, mac: RowMac, tenant: Tenant, name: str) -> SshHost | None:
    """Return the host of this name in a project."""
    row = await database.read_one(_FIND_BY_NAME, name=name, **_owner(tenant))
    return None if row is None else _host(row, mac)


async def list_hosts(
    database: Database, mac: RowMac, tenant: Tenant, group: str | None, limit: int, after: str | None
) -> list[SshHost]:
    """Return at most `limit` active hosts by name, from the one behind the name `after` on."""
    given: dict[str, Value] = {} if group is None else {"group_name": group}
    rows = await database.scan(
        _list_statement(group is not None), after=after or "", limit=limit, **_owner(tenant), **given
    )
    return [_host(row, mac) for row in rows]


async def insert_host(transaction: Transaction, mac: RowMac, host: SshHost) -> None:
    """Keep a new host. Raises UniqueViolationError if its name is taken."""
    await transaction.execute(_INSERT, **_values(host, mac))
    _insert_groups(transaction, host)


async def replace_host(transaction: Transaction, mac: RowMac, former: SshHost, host: SshHost) -> bool:
    """Write a host anew; False if it changed since, or answered a later challenge than `host.proved_at`."""
    values = _values(host, mac)
    changed = await transaction.execute(
        _REPLACE,
        of_id=host.id,
        former_version=former.version,
        proved_before=values["proved_at"],
        **_owner(host.tenant),
        **{f"new_{name}": values[name] for name in _CHANGED},
    )
    if changed == 1:
        transaction.send(_DROP_GROUPS, of_host=host.id, **_owner(host.tenant))
        _insert_groups(transaction, host)
    return changed == 1


async def remove_host(transaction: Transaction, mac: RowMac, former: SshHost) -> bool:
    """Mark a host as removed; False if it changed since."""
    removed = msgspec.structs.replace(former, status=HostStatus.REMOVED, version=former.version + 1)
    values = _values(removed, mac)
    changed = await transaction.execute(
        _REMOVE,
        of_id=former.id,
        former_version=former.version,
        **_owner(former.tenant),
        **{f"new_{name}": values[name] for name in ("status", "version", "mac_version", "mac")},
    )
    transaction.send(_DROP_GROUPS, of_host=former.id, **_owner(former.tenant))
    return changed == 1


def require_proof(
    transaction: Transaction, host: SshHost, proved_at: datetime, otherwise: Callable[[], Exception]
) -> None:
    """End with `otherwise()` unless the host stands as it was read and this is its latest proof."""
    at = to_microseconds(proved_at)
    transaction.require(
        _PROVE,
        otherwise,
        of_id=host.id,
        former_version=host.version,
        proved_before=at,
        new_proved_at=at,
        **_owner(host.tenant),
    )


async def has_good_certificate(database: Database, host: SshHost, fingerprint: str) -> bool:
    """Tell whether a certificate of this host over this key is neither revoked nor expired."""
    row = await database.read_one(
        _FIND_GOOD_CERTIFICATE,
        fingerprint=fingerprint,
        key_id=host.id,
        now=to_microseconds(database.now()),
        **_owner(host.tenant),
    )
    return row is not None


@cache
def _list_statement(in_group: bool) -> Statement:
    member = exists(
        select(G.c.host).where(
            G.c.organization == T.c.organization,
            G.c.project == T.c.project,
            G.c.group_name == bindparam("group_name"),
            G.c.host == T.c.id,
        )
    )
    conditions = (member,) if in_group else ()
    active = and_(*_MINE, T.c.status == HostStatus.ACTIVE.value, T.c.name > bindparam("after"))
    return statement(select(T).where(active, *conditions).order_by(T.c.name).limit(bindparam("limit")))


def _insert_groups(transaction: Transaction, host: SshHost) -> None:
    for group in host.groups:
        transaction.send(_INSERT_GROUP, group_name=group, host=host.id, **_owner(host.tenant))


def _owner(tenant: Tenant) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project}
