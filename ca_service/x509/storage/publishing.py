"""Rows of how authorities publish. Each carries a MAC: certificates repeat the addresses (S5)."""

import msgspec
from sqlalchemy import bindparam, insert, select, update

from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.x509.authorities import Authority
from ca_service.x509.publishing import Publishing
from ca_service.x509.storage.tables import PUBLISHING as T

TABLE = T.name
_MINE = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.authority == bindparam("authority"),
)
_FIND = statement(select(T.c.settings, T.c.mac).where(*_MINE))
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_UPDATE = statement(
    update(T)
    .where(*_MINE)
    .values(settings=bindparam("settings"), mac_version=bindparam("mac_version"), mac=bindparam("mac"))
)


def _owner(authority: Authority) -> dict[str, str]:
    return {
        "organization": authority.tenant.organization,
        "project": authority.tenant.project,
        "authority": authority.id,
    }


async def find_publishing(database: Database, mac: RowMac, authority: Authority) -> Publishing:
    """Return how an authority publishes. Raises IntegrityError if the row was changed outside."""
    row = await database.read_one(_FIND, **_owner(authority))
    if row is None:
        return Publishing()
    mac.verify(row[1], *_owner(authority).values(), row[0])
    return msgspec.json.decode(row[0], type=Publishing)


async def keep_publishing(
    transaction: Transaction, mac: RowMac, authority: Authority, publishing: Publishing
) -> None:
    """Write how an authority publishes from now on."""
    settings = msgspec.json.encode(publishing)
    values: dict[str, Value] = {
        "settings": settings,
        "mac_version": mac.version,
        "mac": mac.tag(*_owner(authority).values(), settings),
        **_owner(authority),
    }
    if not await transaction.execute(_UPDATE, **values):
        await transaction.execute(_INSERT, **values)
