"""Makes, changes, tests and removes channels."""

import msgspec
from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Grant
from ca_service.x509.accesses import project_access
from ca_service.x509.announcer import Announcer
from ca_service.x509.channel_secrets import ChannelSecrets
from ca_service.x509.channels import (
    MOST_CHANNELS,
    Channel,
    ChannelRefusedError,
    ChannelStatus,
    Mail,
    Target,
    Webhook,
    verify_settings,
)
from ca_service.x509.errors import ChangedMeanwhileError
from ca_service.x509.events import EventKind
from ca_service.x509.handlers.read_channels import channel_access, wanted_channel
from ca_service.x509.operations.channels import (
    CreateChannel,
    CreatedChannel,
    DeleteChannel,
    TriedChannel,
    TryChannel,
    UpdateChannel,
)
from ca_service.x509.resource_names import parse_resource_name
from ca_service.x509.storage.channels import count_channels, delete_channel, insert_channel, update_channel

_LONGEST_PASSWORD = 200


class ChannelDraft(Struct, frozen=True):
    """A channel as it will be, and the secret that it is given, if it is given one."""

    channel: Channel
    secret: SecretValue[str] | None
    is_shown: bool = False


def _verify_password(target: Target, password: SecretValue[str] | None) -> None:
    given = "" if password is None else password.reveal()
    if len(given) > _LONGEST_PASSWORD or not given.isprintable():
        detail = f"A password has at most {_LONGEST_PASSWORD} printable characters."
        raise ChannelRefusedError(detail, field="password", rule="channel-password")
    has_user = isinstance(target, Mail) and target.username is not None
    if has_user != (password is not None):
        detail = "A mail server takes a username and a password together; a webhook takes neither."
        raise ChannelRefusedError(detail, field="password", rule="channel-password")


class CreateChannelHandler(Handler[CreateChannel, ChannelDraft, ChannelDraft, CreatedChannel]):
    """Makes one channel."""

    def __init__(self, announcer: Announcer, secrets: ChannelSecrets, identifiers: Identifiers) -> None:
        self._announcer = announcer
        self._secrets = secrets
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateChannel) -> Prepared[ChannelDraft]:
        """Read the settings and ask whether the caller may."""
        parse_resource_name(operation.name)
        verify_settings(operation.settings)
        _verify_password(operation.settings.target, operation.password)
        channel = Channel(
            id=self._identifiers.new("chn"),
            tenant=call.home,
            name=operation.name,
            status=ChannelStatus.ACTIVE,
            settings=operation.settings,
            sealed=None,
            # What ends within the lead today is not announced: that would be news of the past.
            expiry_after=call.now + operation.settings.expiry_lead,
            expiry_after_id="",
            created_at=call.now,
            version=1,
        )
        draft = ChannelDraft(channel, operation.password)
        details = {"name": channel.name, "kind": channel.kind.value}
        return Prepared(draft, (project_access(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: ChannelDraft, grant: Grant) -> ChannelDraft:
        """Make the signing secret and seal it; nothing is signed."""
        del grant
        channel, secret = draft.channel, draft.secret
        is_webhook = isinstance(channel.settings.target, Webhook)
        if is_webhook:
            secret = self._secrets.make()
        if secret is None:
            return draft
        sealed = await self._secrets.seal(call.home, channel.id, channel.version, secret)
        return ChannelDraft(msgspec.structs.replace(channel, sealed=sealed), secret, is_webhook)

    async def record(self, transaction: Transaction, call: Call, signed: ChannelDraft) -> CreatedChannel:
        """Keep it, if its name is free."""
        if await count_channels(transaction, call.home) >= MOST_CHANNELS:
            detail = f"A project has at most {MOST_CHANNELS} channels; remove one first."
            raise ConflictError(detail, rule="channels-most")
        try:
            await insert_channel(transaction, self._announcer.mac, signed.channel)
        except UniqueViolationError as error:
            detail = "A channel of this name exists already; choose another name."
            raise ConflictError(detail, field="name", rule="name-taken") from error
        transaction.announce()
        transaction.on_commit(self._announcer.forget)
        return CreatedChannel(signed.channel, signed.secret if signed.is_shown else None)


class UpdateChannelHandler(Handler[UpdateChannel, ChannelDraft, ChannelDraft, CreatedChannel]):
    """Changes one channel."""

    def __init__(self, database: Database, announcer: Announcer, secrets: ChannelSecrets) -> None:
        self._database = database
        self._announcer = announcer
        self._secrets = secrets

    async def prepare(self, call: Call, operation: UpdateChannel) -> Prepared[ChannelDraft]:
        """Put the changes over what is and ask whether the caller may."""
        former = await wanted_channel(self._database, self._announcer.mac, call.home, operation.name)
        settings = msgspec.structs.replace(
            former.settings,
            target=operation.target or former.settings.target,
            events=operation.events if operation.events is not None else former.settings.events,
            expiry_lead=operation.expiry_lead or former.settings.expiry_lead,
        )
        verify_settings(settings)
        is_moved = settings.target != former.settings.target
        if is_moved and type(settings.target) is not type(former.settings.target):
            detail = "A webhook does not become mail, nor mail a webhook; make another channel."
            raise ChannelRefusedError(detail, field="target", rule="channel-kind")
        is_webhook = isinstance(settings.target, Webhook)
        if operation.password is not None or (is_moved and not is_webhook):
            # Else a new host would be shown the password that another was trusted with.
            _verify_password(settings.target, operation.password)
        channel: Channel = msgspec.structs.replace(
            former,
            status=operation.status or former.status,
            settings=settings,
            sealed=None if is_moved and not is_webhook else former.sealed,
            version=former.version + 1,
        )
        draft = ChannelDraft(channel, operation.password, is_webhook and operation.rotates_secret)
        return Prepared(draft, (channel_access(operation.action, former),), {"name": former.name})

    async def sign(self, call: Call, draft: ChannelDraft, grant: Grant) -> ChannelDraft:
        """Seal what secret is new; nothing is signed."""
        del grant
        channel = draft.channel
        secret = self._secrets.make() if draft.is_shown else draft.secret
        if secret is None:
            return draft
        sealed = await self._secrets.seal(call.home, channel.id, channel.version, secret)
        return ChannelDraft(msgspec.structs.replace(channel, sealed=sealed), secret, draft.is_shown)

    async def record(self, transaction: Transaction, call: Call, signed: ChannelDraft) -> CreatedChannel:
        """Write it over the version it was read at."""
        del call
        if not await update_channel(transaction, self._announcer.mac, signed.channel):
            raise ChangedMeanwhileError("Another request changed the channel at the same time; try again.")
        transaction.announce()
        transaction.on_commit(self._announcer.forget)
        return CreatedChannel(signed.channel, signed.secret if signed.is_shown else None)


class DeleteChannelHandler(Handler[DeleteChannel, Channel, Channel, Channel]):
    """Removes one channel."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._database = database
        self._announcer = announcer

    async def prepare(self, call: Call, operation: DeleteChannel) -> Prepared[Channel]:
        """Find it and ask whether the caller may."""
        channel = await wanted_channel(self._database, self._announcer.mac, call.home, operation.name)
        return Prepared(channel, (channel_access(operation.action, channel),), {"name": channel.name})

    async def sign(self, call: Call, draft: Channel, grant: Grant) -> Channel:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Channel) -> Channel:
        """Remove it; what is under way over it comes to nothing."""
        del call
        if not await delete_channel(transaction, signed):
            raise NotFoundError("channel")
        transaction.announce()
        transaction.on_commit(self._announcer.forget)
        return signed


class TryChannelHandler(Handler[TryChannel, Channel, Channel, TriedChannel]):
    """Sends a test event."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._database = database
        self._announcer = announcer

    async def prepare(self, call: Call, operation: TryChannel) -> Prepared[Channel]:
        """Find the channel and ask whether the caller may."""
        channel = await wanted_channel(self._database, self._announcer.mac, call.home, operation.name)
        return Prepared(channel, (channel_access(operation.action, channel),), {"name": channel.name})

    async def sign(self, call: Call, draft: Channel, grant: Grant) -> Channel:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Channel) -> TriedChannel:
        """Leave the event in the outbox."""
        del call
        data = {"channel": signed.name, "message": "This is a test; nothing happened."}
        delivery = await self._announcer.tell(transaction, (signed,), EventKind.TEST, data)
        assert delivery is not None, "one channel is one delivery"
        return TriedChannel(delivery)
