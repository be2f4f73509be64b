"""The JSON of channels and deliveries."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType, field

from ca_service.kernel.secret_value import SecretValue
from ca_service.web.durations import whole_seconds
from ca_service.x509.channels import (
    Channel,
    ChannelKind,
    ChannelRefusedError,
    ChannelSettings,
    ChannelStatus,
    Mail,
    MailSecurity,
    Target,
    Webhook,
)
from ca_service.x509.deliveries import Delivery
from ca_service.x509.events import EventKind
from ca_service.x509.http.words import Duration, parse_ttl, parse_word, parse_words
from ca_service.x509.operations.channels import CreatedChannel, UpdateChannel

_MAIL_FIELDS = ("host", "port", "security", "username", "sender", "recipients")
_EVENTS = [kind.value for kind in EventKind if kind is not EventKind.TEST]


class CreateChannelBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST channels`: a webhook with its `url`, or mail with a server, a sender and recipients."""

    name: str
    kind: str
    events: list[str] = field(default_factory=lambda: list(_EVENTS))
    expiry_lead: Duration = "14d"
    url: str | None = None
    host: str | None = None
    port: int | None = None
    security: str | None = None
    username: str | None = None
    password: str | None = None
    sender: str | None = None
    recipients: list[str] | None = None


class UpdateChannelBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`PATCH channels/{name}`: what is left out stays; a mail server is given whole, with its password."""

    status: str | None = None
    events: list[str] | None = None
    expiry_lead: Duration | None = None
    rotate_secret: bool = False
    url: str | None = None
    host: str | None = None
    port: int | None = None
    security: str | None = None
    username: str | None = None
    password: str | None = None
    sender: str | None = None
    recipients: list[str] | None = None


class ChannelBody(Struct, frozen=True, kw_only=True):
    """A channel; `secret` is there once, in the answer that made it."""

    id: str
    name: str
    kind: str
    status: str
    events: tuple[str, ...]
    expiry_lead: int
    url: str | UnsetType = UNSET
    host: str | UnsetType = UNSET
    port: int | UnsetType = UNSET
    security: str | UnsetType = UNSET
    username: str | UnsetType | None = UNSET
    sender: str | UnsetType = UNSET
    recipients: tuple[str, ...] | UnsetType = UNSET
    created_at: datetime
    secret: str | UnsetType = UNSET


class ChannelList(Struct, frozen=True):
    """All channels of a project."""

    items: tuple[ChannelBody, ...]
    next_cursor: None = None


class TriedBody(Struct, frozen=True):
    """The delivery of a test event: how it went is in the log."""

    id: str


class DeliveryBody(Struct, frozen=True, kw_only=True):
    """A line of the log; `payload` is what was sent."""

    id: str
    event: str
    status: str
    attempts: int
    answer_status: int | None
    last_error: str
    created_at: datetime
    settled_at: datetime | None
    payload: str


def parse_target(body: CreateChannelBody | UpdateChannelBody, kind: ChannelKind) -> Target:
    """Return where to. Raises ChannelRefusedError for fields of the other kind, or missing ones."""
    foreign = (*_MAIL_FIELDS, "password") if kind is ChannelKind.WEBHOOK else ("url",)
    for name in foreign:
        if getattr(body, name) is not None:
            raise _refused(name, f"A channel of the kind {kind} has no {name}.")
    if kind is ChannelKind.WEBHOOK:
        if body.url is None:
            raise _refused("url", "A webhook needs a url.")
        return Webhook(body.url)
    if body.host is None or body.sender is None or body.recipients is None:
        missing = next(name for name in ("host", "sender", "recipients") if getattr(body, name) is None)
        raise _refused(missing, "Mail needs a host, a sender and recipients.")
    security = body.security or MailSecurity.STARTTLS.value
    return Mail(
        host=body.host,
        port=587 if body.port is None else body.port,
        security=parse_word(MailSecurity, security, field="security", rule="channel-security"),
        username=body.username,
        sender=body.sender,
        recipients=tuple(body.recipients),
    )


def parse_settings(body: CreateChannelBody) -> ChannelSettings:
    """Return the settings of a new channel. Raises errors that name the field and the rule."""
    kind = parse_word(ChannelKind, body.kind, field="kind", rule="channel-kind")
    lead = parse_ttl(body.expiry_lead, field="expiry_lead")
    assert lead is not None, "it has a default"
    return ChannelSettings(
        target=parse_target(body, kind),
        events=parse_words(EventKind, body.events, field="events", rule="channel-events"),
        expiry_lead=lead,
    )


def parse_update(body: UpdateChannelBody, project: str, name: str) -> UpdateChannel:
    """Return the operation that changes a channel."""
    target: Target | None = None
    if body.url is not None:
        target = parse_target(body, ChannelKind.WEBHOOK)
    elif any(getattr(body, field_name) is not None for field_name in _MAIL_FIELDS):
        target = parse_target(body, ChannelKind.MAIL)
    return UpdateChannel(
        project=project,
        name=name,
        status=None
        if body.status is None
        else parse_word(ChannelStatus, body.status, field="status", rule="channel-status"),
        target=target,
        events=None
        if body.events is None
        else parse_words(EventKind, body.events, field="events", rule="channel-events"),
        expiry_lead=parse_ttl(body.expiry_lead, field="expiry_lead"),
        password=None if body.password is None else SecretValue(body.password),
        rotates_secret=body.rotate_secret,
    )


def channel_body(channel: Channel, secret: SecretValue[str] | None = None) -> ChannelBody:
    """Return a channel."""
    target = channel.settings.target
    mail = target if isinstance(target, Mail) else None
    return ChannelBody(
        id=channel.id,
        name=channel.name,
        kind=channel.kind.value,
        status=channel.status.value,
        events=tuple(kind.value for kind in channel.settings.events),
        expiry_lead=whole_seconds(channel.settings.expiry_lead),
        url=target.url if isinstance(target, Webhook) else UNSET,
        host=UNSET if mail is None else mail.host,
        port=UNSET if mail is None else mail.port,
        security=UNSET if mail is None else mail.security.value,
        username=UNSET if mail is None else mail.username,
        sender=UNSET if mail is None else mail.sender,
        recipients=UNSET if mail is None else mail.recipients,
        created_at=channel.created_at,
        secret=UNSET if secret is None else secret.reveal(),
    )


def created_channel_body(created: CreatedChannel) -> ChannelBody:
    """Return a channel with its secret, where it is new."""
    return channel_body(created.channel, created.secret)


def delivery_body(delivery: Delivery) -> DeliveryBody:
    """Return a line of the log."""
    return DeliveryBody(
        id=delivery.id,
        event=delivery.event,
        status=delivery.status.value,
        attempts=delivery.attempts,
        answer_status=delivery.answer_status,
        last_error=delivery.last_error,
        created_at=delivery.created_at,
        settled_at=delivery.settled_at,
        payload=delivery.payload.decode(),
    )


def _refused(name: str, detail: str) -> ChannelRefusedError:
    return ChannelRefusedError(detail, field=name, rule="channel-target")
