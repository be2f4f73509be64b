"""Tells channels which certificates end soon: each certificate once, whoever dies in between."""

from datetime import datetime

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.policy.values import Grant
from ca_service.x509.announcer import Announcer
from ca_service.x509.certificates import Certificate
from ca_service.x509.channels import Channel
from ca_service.x509.events import EventKind, certificate_facts
from ca_service.x509.handlers.read_channels import channel_access
from ca_service.x509.operations.channels import AnnouncedEnds, AnnounceEnds
from ca_service.x509.storage.channels import find_channel_by_id, move_expiry
from ca_service.x509.storage.ends import list_ending

_AT_ONCE = 100


class EndsDraft(Struct, frozen=True):
    """The certificates that come next, and up to which moment all were looked at."""

    channel: Channel
    ending: tuple[Certificate, ...]
    until: datetime

    @property
    def has_more(self) -> bool:
        """Tell whether more may end before that moment."""
        return len(self.ending) == _AT_ONCE


class AnnounceEndsHandler(Handler[AnnounceEnds, EndsDraft, EndsDraft, AnnouncedEnds]):
    """Announces ends over one channel."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        self._database = database
        self._announcer = announcer

    async def prepare(self, call: Call, operation: AnnounceEnds) -> Prepared[EndsDraft]:
        """Find what ends soon and was not told yet."""
        channel = await find_channel_by_id(
            self._database, self._announcer.mac, call.home, operation.channel_id
        )
        if channel is None:
            raise NotFoundError("channel")
        until = call.now + channel.settings.expiry_lead
        ending: tuple[Certificate, ...] = ()
        if channel.wants(EventKind.EXPIRING):
            found = await list_ending(self._database, channel, until, most=_AT_ONCE)
            ending = tuple(found)
        details = {"channel": channel.name, "certificates": [certificate.id for certificate in ending]}
        access = channel_access(operation.action, channel)
        return Prepared(EndsDraft(channel, ending, until), (access,), details)

    async def sign(self, call: Call, draft: EndsDraft, grant: Grant) -> EndsDraft:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: EndsDraft) -> AnnouncedEnds:
        """Move on and leave the events in the outbox, together. Raises ConflictError if another did."""
        del call
        after, after_id = signed.until, ""
        if signed.has_more:
            after, after_id = signed.ending[-1].not_after, signed.ending[-1].id
        if not await move_expiry(transaction, signed.channel, after, after_id):
            raise ConflictError("Another process announces these ends.", rule="ends-announced")
        for certificate in signed.ending:
            await self._announcer.tell(
                transaction, (signed.channel,), EventKind.EXPIRING, certificate_facts(certificate)
            )
        return AnnouncedEnds(len(signed.ending), signed.has_more)
