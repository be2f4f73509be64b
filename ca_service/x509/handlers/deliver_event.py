"""Makes one attempt at a delivery, in three acts: what was tried is known whatever happens to the process."""

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, ExternalHandler, Prepared
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.policy.values import Grant
from ca_service.x509.announcer import Announcer
from ca_service.x509.channel_secrets import ChannelSecrets
from ca_service.x509.channels import Channel
from ca_service.x509.deliveries import Attempt, Delivery, DeliveryStatus
from ca_service.x509.delivering import Notifier, attempt_delivery
from ca_service.x509.handlers.read_channels import channel_access
from ca_service.x509.operations.channels import DeliverEvent
from ca_service.x509.storage.channels import find_channel_by_id
from ca_service.x509.storage.deliveries import begin_attempt, find_delivery, settle_attempt


class DeliveryDraft(Struct, frozen=True):
    """A delivery and the channel it goes over."""

    delivery: Delivery
    channel: Channel


class Tried(Struct, frozen=True):
    """What an attempt came to."""

    delivery: Delivery
    attempt: Attempt


class DeliverEventHandler(ExternalHandler[DeliverEvent, DeliveryDraft, Tried, DeliveryStatus]):
    """Delivers one event, or finds out why not."""

    def __init__(
        self, database: Database, announcer: Announcer, secrets: ChannelSecrets, notifier: Notifier
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._secrets = secrets
        self._notifier = notifier

    async def prepare(self, call: Call, operation: DeliverEvent) -> Prepared[DeliveryDraft]:
        """Find the delivery and its channel. Raises NotFoundError where there is nothing left to do."""
        delivery = await find_delivery(self._database, call.home, operation.delivery)
        channel = None
        if delivery is not None and delivery.status is DeliveryStatus.PENDING:
            channel = await find_channel_by_id(
                self._database, self._announcer.mac, call.home, delivery.channel
            )
        if delivery is None or channel is None:
            raise NotFoundError("delivery")
        details = {
            "delivery": delivery.id,
            "event": delivery.event,
            "channel": channel.name,
            "attempt": delivery.attempts + 1,
        }
        access = channel_access(operation.action, channel)
        return Prepared(DeliveryDraft(delivery, channel), (access,), details)

    async def intend(self, transaction: Transaction, call: Call, draft: DeliveryDraft) -> None:
        """Count the attempt. Raises ConflictError if another process makes it."""
        del call
        if not await begin_attempt(transaction, draft.delivery):
            raise ConflictError("Another process makes this delivery.", rule="delivery-busy")

    async def effect(self, call: Call, draft: DeliveryDraft, grant: Grant) -> Tried:
        """Send it."""
        del grant
        secret = await self._secrets.open(draft.channel)
        attempt = await attempt_delivery(self._notifier, draft.channel, secret, draft.delivery, call.now)
        return Tried(draft.delivery, attempt)

    async def record(self, transaction: Transaction, call: Call, done: Tried) -> DeliveryStatus:
        """Note what came of it."""
        del call
        return await settle_attempt(transaction, done.delivery, done.attempt)

    async def settle(self, transaction: Transaction, call: Call, draft: DeliveryDraft) -> None:
        """Leave it to the next attempt: a receiver knows a repeated event by its id."""
        del transaction, call, draft
