"""Rows of channels. Each carries a MAC over what says where events go (S5)."""

from datetime import datetime

import msgspec
from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.channels import Channel, ChannelSettings, ChannelStatus
from ca_service.x509.storage.life_tables import CHANNELS as T
from ca_service.x509.storage.life_tables import DELIVERIES

_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_FIND = statement(select(T).where(*_MINE, T.c.name == bindparam("name")))
_FIND_BY_ID = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_LIST = statement(select(T).where(*_MINE).order_by(T.c.name))
_COUNT = statement(select(func.count(T.c.id)).where(*_MINE))
_LIST_ALL = statement(
    select(T).where(T.c.status == ChannelStatus.ACTIVE.value).order_by(T.c.organization, T.c.project, T.c.id)
)
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_UPDATE = statement(
    update(T)
    .where(*_MINE, T.c.id == bindparam("id"), T.c.version == bindparam("former_version"))
    .values(
        status=bindparam("status"),
        settings=bindparam("settings"),
        sealed=bindparam("sealed"),
        version=bindparam("version"),
        mac=bindparam("mac"),
    )
)
_MOVE = statement(
    update(T)
    .where(
        *_MINE,
        T.c.id == bindparam("id"),
        or_(
            T.c.expiry_after < bindparam("new_after"),
            and_(T.c.expiry_after == bindparam("new_after"), T.c.expiry_after_id < bindparam("new_after_id")),
        ),
    )
    .values(expiry_after=bindparam("new_after"), expiry_after_id=bindparam("new_after_id"))
)
_DELETE = statement(delete(T).where(*_MINE, T.c.id == bindparam("id")))
_DELETE_DELIVERIES = statement(
    delete(DELIVERIES).where(
        DELIVERIES.c.organization == bindparam("organization"),
        DELIVERIES.c.project == bindparam("project"),
        DELIVERIES.c.channel == bindparam("id"),
    )
)


def _place(tenant: Tenant) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project}


def _protected(channel: Channel, settings: bytes) -> tuple[str | int | bytes | None, ...]:
    return (
        channel.tenant.organization,
        channel.tenant.project,
        channel.id,
        channel.name,
        channel.status.value,
        settings,
        channel.sealed,
        channel.version,
    )


def _channel(row: Row, mac: RowMac) -> Channel:
    """Return the row as a value. Raises IntegrityError if it was changed outside."""
    organization, project, id_, name, _, status, settings, sealed = row[:8]
    # Before anything of it is read: what was changed need not even be settings.
    mac.verify(row[13], organization, project, id_, name, status, settings, sealed, row[11])
    return Channel(
        tenant=Tenant(OrganizationId(organization), ProjectId(project)),
        id=id_,
        name=name,
        status=ChannelStatus(status),
        settings=msgspec.json.decode(settings, type=ChannelSettings),
        sealed=sealed,
        expiry_after=from_microseconds(row[8]),
        expiry_after_id=row[9],
        created_at=from_microseconds(row[10]),
        version=row[11],
    )


async def find_channel(database: Database, mac: RowMac, tenant: Tenant, name: str) -> Channel | None:
    """Return the channel of this name in a project."""
    row = await database.read_one(_FIND, name=name, **_place(tenant))
    return None if row is None else _channel(row, mac)


async def find_channel_by_id(
    database: Database, mac: RowMac, tenant: Tenant, channel_id: str
) -> Channel | None:
    """Return the channel of this id in a project."""
    row = await database.read_one(_FIND_BY_ID, id=channel_id, **_place(tenant))
    return None if row is None else _channel(row, mac)


async def list_channels(database: Database, mac: RowMac, tenant: Tenant) -> list[Channel]:
    """Return the channels of a project by name; there are few."""
    return [_channel(row, mac) for row in await database.read(_LIST, **_place(tenant))]


async def list_active_channels(database: Database, mac: RowMac) -> list[Channel]:
    """Return the active channels of all projects."""
    return [_channel(row, mac) for row in await database.scan(_LIST_ALL)]


async def count_channels(transaction: Transaction, tenant: Tenant) -> int:
    """Return how many channels a project has."""
    row = await transaction.fetch_one(_COUNT, **_place(tenant))
    return 0 if row is None else int(row[0])


async def insert_channel(transaction: Transaction, mac: RowMac, channel: Channel) -> None:
    """Keep a new channel. Raises UniqueViolationError if its name is taken."""
    settings = msgspec.json.encode(channel.settings)
    await transaction.execute(
        _INSERT,
        id=channel.id,
        name=channel.name,
        kind=channel.kind.value,
        status=channel.status.value,
        settings=settings,
        sealed=channel.sealed,
        expiry_after=to_microseconds(channel.expiry_after),
        expiry_after_id=channel.expiry_after_id,
        created_at=to_microseconds(channel.created_at),
        version=channel.version,
        mac_version=mac.version,
        mac=mac.tag(*_protected(channel, settings)),
        **_place(channel.tenant),
    )


async def update_channel(transaction: Transaction, mac: RowMac, channel: Channel) -> bool:
    """Write a channel over the version before; False if another changed it first."""
    settings = msgspec.json.encode(channel.settings)
    changed = await transaction.execute(
        _UPDATE,
        id=channel.id,
        former_version=channel.version - 1,
        version=channel.version,
        status=channel.status.value,
        settings=settings,
        sealed=channel.sealed,
        mac=mac.tag(*_protected(channel, settings)),
        **_place(channel.tenant),
    )
    return changed == 1


async def move_expiry(transaction: Transaction, channel: Channel, after: datetime, after_id: str) -> bool:
    """Note up to where ends of life were announced; False if another noted as much first."""
    changed = await transaction.execute(
        _MOVE,
        id=channel.id,
        new_after=to_microseconds(after),
        new_after_id=after_id,
        **_place(channel.tenant),
    )
    return changed == 1


async def delete_channel(transaction: Transaction, channel: Channel) -> bool:
    """Remove a channel with its log; False if it was gone."""
    await transaction.execute(_DELETE_DELIVERIES, id=channel.id, **_place(channel.tenant))
    return await transaction.execute(_DELETE, id=channel.id, **_place(channel.tenant)) == 1
