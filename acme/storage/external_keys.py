"""Rows of external account keys. Each carries a tag over all its columns, the sealed HMAC key too (S5)."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlalchemy import bindparam, insert, select, update

from acme.directories import Directory, DirectoryId
from acme.external_keys import ExternalKey, ExternalKeyId
from acme.storage.tables import EXTERNAL_KEYS as T
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

_Column: TypeAlias = str | int | bytes | None

_COLUMNS = (
    "id",
    "organization",
    "project",
    "directory",
    "name",
    "identity",
    "sealed_key",
    "maximum_uses",
    "uses",
    "created_at",
    "expires_at",
    "disabled_at",
)
_IN_DIRECTORY = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.directory == bindparam("directory"),
)
_SELECT = select(*(T.c[name] for name in _COLUMNS), T.c.mac)
_INSERT = statement(insert(T).values({name: bindparam(name) for name in (*_COLUMNS, "mac")}))
_FIND = statement(_SELECT.where(*_IN_DIRECTORY, T.c.id == bindparam("id")))
_LIST = statement(
    _SELECT.where(*_IN_DIRECTORY, T.c.id > bindparam("after")).order_by(T.c.id).limit(bindparam("most"))
)
# Changes nothing and locks the row on PostgreSQL until the transaction ends; SQLite has one writer anyway.
_LOCK = statement(update(T).where(*_IN_DIRECTORY, T.c.id == bindparam("key")).values(uses=T.c.uses))
_REPLACE = statement(
    update(T)
    .where(*_IN_DIRECTORY, T.c.id == bindparam("key"))
    .values(uses=bindparam("new_uses"), disabled_at=bindparam("new_disabled_at"), mac=bindparam("new_mac"))
)


class ExternalKeyRows:
    """External account keys of all directories. Reading raises IntegrityError for a row changed outside."""

    def __init__(self, custody: Custody) -> None:
        self._mac = RowMac(custody, T.name)

    async def add(self, transaction: Transaction, key: ExternalKey) -> None:
        """Write a new key."""
        columns = _columns(key)
        await transaction.execute(_INSERT, **columns, mac=self._tag(columns))

    async def find(
        self, database: Database, tenant: Tenant, directory: DirectoryId, id_: str
    ) -> ExternalKey | None:
        """Return a key of this directory, disabled ones included."""
        row = await database.read_one(_FIND, id=id_, **_in(tenant, directory))
        return None if row is None else self._read(row)

    async def page(
        self, database: Database, directory: Directory, *, after: str, most: int
    ) -> list[ExternalKey]:
        """Return keys of this directory in the order of their ids, from the one after `after` on."""
        place = _in(directory.tenant, directory.id)
        rows = await database.read(_LIST, after=after, most=most, **place)
        return [self._read(row) for row in rows]

    async def change(
        self, transaction: Transaction, key: ExternalKey, change: Callable[[ExternalKey], ExternalKey]
    ) -> ExternalKey:
        """Write what `change` makes of a key's uses and end, and return it.

        The row is locked first, so `change` sees what every earlier transaction left. If it raises, nothing
        is written.
        """
        place = _in(key.tenant, key.directory)
        await transaction.execute(_LOCK, key=key.id, **place)
        row = await transaction.fetch_one(_FIND, id=key.id, **place)
        assert row is not None, "external account keys are never deleted"
        new = change(self._read(row))
        columns = _columns(new)
        await transaction.execute(
            _REPLACE,
            key=key.id,
            **place,
            new_uses=new.uses,
            new_disabled_at=columns["disabled_at"],
            new_mac=self._tag(columns),
        )
        return new

    def _read(self, row: Row) -> ExternalKey:
        id_, organization, project, directory, name, identity, sealed_key, maximum_uses, uses = row[:9]
        created_at, expires_at, disabled_at, mac = row[9:]
        key = ExternalKey(
            id=ExternalKeyId(id_),
            tenant=Tenant(OrganizationId(organization), ProjectId(project)),
            directory=DirectoryId(directory),
            name=name,
            identity=identity,
            sealed_key=bytes(sealed_key),
            maximum_uses=maximum_uses,
            uses=uses,
            created_at=from_microseconds(created_at),
            expires_at=None if expires_at is None else from_microseconds(expires_at),
            disabled_at=None if disabled_at is None else from_microseconds(disabled_at),
        )
        self._mac.verify(bytes(mac), *_columns(key).values())
        return key

    def _tag(self, columns: Mapping[str, _Column]) -> bytes:
        return self._mac.tag(*columns.values())


def _in(tenant: Tenant, directory: DirectoryId) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project, "directory": directory}


def _columns(key: ExternalKey) -> dict[str, _Column]:
    """Return the columns in the order in which they are tagged."""
    return {
        "id": key.id,
        **_in(key.tenant, key.directory),
        "name": key.name,
        "identity": key.identity,
        "sealed_key": key.sealed_key,
        "maximum_uses": key.maximum_uses,
        "uses": key.uses,
        "created_at": to_microseconds(key.created_at),
        "expires_at": None if key.expires_at is None else to_microseconds(key.expires_at),
        "disabled_at": None if key.disabled_at is None else to_microseconds(key.disabled_at),
    }
