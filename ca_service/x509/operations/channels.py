"""What can be asked about channels and the deliveries over them."""

from datetime import timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.channels import Channel, ChannelSettings, ChannelStatus, Target
from ca_service.x509.deliveries import Delivery, DeliveryStatus
from ca_service.x509.events import EventKind


class CreatedChannel(Struct, frozen=True):
    """A channel with its signing secret, which is answered here and never again; mail has none."""

    channel: Channel
    secret: SecretValue[str] | None


class ListChannels(ProjectOperation[tuple[Channel, ...]], frozen=True, kw_only=True):
    """List the channels of a project."""

    action: ClassVar[str] = "x509:read-channel"
    reads: ClassVar[bool] = True


class ReadChannel(ProjectOperation[Channel], frozen=True, kw_only=True):
    """Read one channel by its name."""

    action: ClassVar[str] = "x509:read-channel"
    reads: ClassVar[bool] = True

    name: str


class CreateChannel(ProjectOperation[CreatedChannel], frozen=True, kw_only=True):
    """Make a channel: a webhook gets a signing secret, a mail server keeps the password it is given."""

    action: ClassVar[str] = "x509:manage-channel"
    idempotent: ClassVar[bool] = True

    name: str
    settings: ChannelSettings
    password: SecretValue[str] | None = None


class UpdateChannel(ProjectOperation[CreatedChannel], frozen=True, kw_only=True):
    """Change a channel; what is None stays. `rotates_secret` gives a webhook another signing secret.

    The password of a mail server goes with its host: a new target is given a password anew.
    """

    action: ClassVar[str] = "x509:manage-channel"

    name: str
    status: ChannelStatus | None = None
    target: Target | None = None
    events: tuple[EventKind, ...] | None = None
    expiry_lead: timedelta | None = None
    password: SecretValue[str] | None = None
    rotates_secret: bool = False


class DeleteChannel(ProjectOperation[Channel], frozen=True, kw_only=True):
    """Remove a channel with the log of its deliveries."""

    action: ClassVar[str] = "x509:manage-channel"

    name: str


class TriedChannel(Struct, frozen=True):
    """The delivery of a test event."""

    id: str


class TryChannel(ProjectOperation[TriedChannel], frozen=True, kw_only=True):
    """Send a test event, also over a disabled channel."""

    action: ClassVar[str] = "x509:manage-channel"
    idempotent: ClassVar[bool] = True

    name: str


class DeliveryPage(Struct, frozen=True):
    """A page of the log, the newest first."""

    items: tuple[Delivery, ...]
    next_cursor: str | None


class ListDeliveries(ProjectOperation[DeliveryPage], frozen=True, kw_only=True):
    """List the deliveries of a channel."""

    action: ClassVar[str] = "x509:read-channel"
    reads: ClassVar[bool] = True

    name: str
    limit: int = 100
    cursor: str | None = None


class DeliverEvent(ProjectOperation[DeliveryStatus], frozen=True, kw_only=True):
    """Make one attempt at a delivery; the job's."""

    action: ClassVar[str] = "x509:deliver"

    delivery: str


class AnnouncedEnds(Struct, frozen=True):
    """How many ends were announced; more may follow at once."""

    count: int
    has_more: bool


class AnnounceEnds(ProjectOperation[AnnouncedEnds], frozen=True, kw_only=True):
    """Tell a channel which certificates end soon, each once; the job's."""

    action: ClassVar[str] = "x509:announce"

    channel_id: str
