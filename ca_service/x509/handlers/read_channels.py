"""Reads channels and the log of what went out over them."""

from ca_service.database.port import Database
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Entity, Resource
from ca_service.x509.accesses import project_access
from ca_service.x509.channels import Channel
from ca_service.x509.operations.channels import DeliveryPage, ListChannels, ListDeliveries, ReadChannel
from ca_service.x509.storage.channels import find_channel, list_channels
from ca_service.x509.storage.deliveries import list_deliveries


def channel_access(action: str, channel: Channel) -> Access:
    """Return the question about one channel."""
    resource = Resource(Entity("Channel", channel.id), "channel", channel.tenant, {"name": channel.name})
    return Access(action, resource, "x509:read-channel")


async def wanted_channel(database: Database, mac: RowMac, tenant: Tenant, name: str) -> Channel:
    """Return the channel of this name. Raises NotFoundError."""
    channel = await find_channel(database, mac, tenant, name)
    if channel is None:
        raise NotFoundError("channel")
    return channel


class ListChannelsHandler(Reader[ListChannels, tuple[Channel, ...]]):
    """Reads all channels of a project."""

    def __init__(self, database: Database, mac: RowMac) -> None:
        self._database = database
        self._mac = mac

    async def prepare(self, call: Call, operation: ListChannels) -> Prepared[tuple[Channel, ...]]:
        """Read them and ask whether the caller may."""
        channels = tuple(await list_channels(self._database, self._mac, call.home))
        return Prepared(channels, (project_access(operation.action, call.home),))


class ReadChannelHandler(Reader[ReadChannel, Channel]):
    """Reads one channel."""

    def __init__(self, database: Database, mac: RowMac) -> None:
        self._database = database
        self._mac = mac

    async def prepare(self, call: Call, operation: ReadChannel) -> Prepared[Channel]:
        """Read it and ask whether the caller may."""
        channel = await wanted_channel(self._database, self._mac, call.home, operation.name)
        return Prepared(channel, (channel_access(operation.action, channel),))


class ListDeliveriesHandler(Reader[ListDeliveries, DeliveryPage]):
    """Reads a page of the log."""

    def __init__(self, database: Database, mac: RowMac) -> None:
        self._database = database
        self._mac = mac

    async def prepare(self, call: Call, operation: ListDeliveries) -> Prepared[DeliveryPage]:
        """Read the page and ask whether the caller may see the channel."""
        channel = await wanted_channel(self._database, self._mac, call.home, operation.name)
        found = await list_deliveries(
            self._database, channel, before_id=operation.cursor, most=operation.limit + 1
        )
        shown = tuple(found[: operation.limit])
        following = shown[-1].id if len(found) > len(shown) else None
        return Prepared(DeliveryPage(shown, following), (channel_access(operation.action, channel),))
