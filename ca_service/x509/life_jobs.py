"""What goes on by itself in the life of certificates: deliveries, ends, mass revocations, housekeeping."""

import logging
from datetime import timedelta

from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.errors import ConflictError, NotFoundError, UnavailableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.queue.jobs import JobRun
from ca_service.web.module import Timer
from ca_service.x509.announcer import Announcer
from ca_service.x509.channels import Channel
from ca_service.x509.deliveries import KEPT_FOR, NOTIFIER, DeliveryStatus
from ca_service.x509.deliveries import decode_job as decode_delivery
from ca_service.x509.events import EventKind
from ca_service.x509.mass_revocations import REVOKER
from ca_service.x509.mass_revocations import decode_job as decode_revocation
from ca_service.x509.operations.channels import AnnounceEnds, DeliverEvent
from ca_service.x509.operations.mass_revocations import ContinueRevocation
from ca_service.x509.publication import Publisher
from ca_service.x509.renewals import Renewals
from ca_service.x509.storage.channels import list_active_channels
from ca_service.x509.storage.deliveries import forget_deliveries
from ca_service.x509.storage.ends import list_ending
from ca_service.x509.storage.hashes import fill_hashes

_EVERY_MINUTE = timedelta(minutes=1)
_MOST_FILLED = 500
_MOST_FORGOTTEN = 1000

_log = logging.getLogger("keywright.x509")


class UndeliveredError(UnavailableError):
    """An event was not taken; the queue tries again later."""


def job_caller(name: str, tenant: Tenant) -> Caller:
    """Return a job as it acts in a project."""
    return Caller(
        kind=CallerKind.SYSTEM,
        id=name,
        name=name,
        address="",
        authenticated_by="job",
        organization=tenant.organization,
        project=tenant.project,
    )


class DeliveryJobs:
    """Performs `DeliverEvent`; an attempt that failed is a failed run, which the queue repeats later."""

    def __init__(self, gate: Gate, identifiers: Identifiers) -> None:
        self._gate = gate
        self._identifiers = identifiers

    async def __call__(self, run: JobRun) -> None:
        """Make one attempt. Raises UndeliveredError if another is to follow."""
        job = decode_delivery(run.payload)
        tenant = Tenant(job.organization, job.project)
        operation = DeliverEvent(project=job.project, delivery=job.delivery)
        context = RequestContext(self._identifiers.new("job"))
        try:
            outcome = await self._gate.perform(job_caller(NOTIFIER, tenant), operation, context)
        except NotFoundError:
            return  # settled, or its channel is gone
        if outcome.answer is DeliveryStatus.PENDING:
            raise UndeliveredError("The event was not taken.")


class MassRevocationJobs:
    """Performs `ContinueRevocation` until nothing is left, then publishes each list once."""

    def __init__(self, gate: Gate, publisher: Publisher, identifiers: Identifiers) -> None:
        self._gate = gate
        self._publisher = publisher
        self._identifiers = identifiers

    async def __call__(self, run: JobRun) -> None:
        """Go on where the last run ended."""
        job = decode_revocation(run.payload)
        tenant = Tenant(job.organization, job.project)
        operation = ContinueRevocation(project=job.project, revocation=job.revocation)
        lists: dict[tuple[str, str], None] = {}
        try:
            while True:
                context = RequestContext(self._identifiers.new("job"))
                outcome = await self._gate.perform(job_caller(REVOKER, tenant), operation, context)
                lists |= dict.fromkeys(outcome.answer.lists)
                if outcome.answer.is_finished:
                    break
        except NotFoundError:
            return
        finally:
            for authority_id, part in lists:
                self._publisher.publish_soon(tenant, authority_id, part)


class Ends:
    """Announces ends that come near; a timer's work."""

    def __init__(
        self, gate: Gate, database: Database, announcer: Announcer, identifiers: Identifiers
    ) -> None:
        self._gate = gate
        self._database = database
        self._announcer = announcer
        self._identifiers = identifiers

    async def announce_due(self) -> None:
        """Look at every channel; only where something ends is anything performed and written."""
        for channel in await list_active_channels(self._database, self._announcer.mac):
            if channel.wants(EventKind.EXPIRING) and await self._has_due(channel):
                await self._announce(channel)

    async def _has_due(self, channel: Channel) -> bool:
        until = self._database.now() + channel.settings.expiry_lead
        return bool(await list_ending(self._database, channel, until, most=1))

    async def _announce(self, channel: Channel) -> None:
        operation = AnnounceEnds(project=channel.tenant.project, channel_id=channel.id)
        context = RequestContext(self._identifiers.new("job"))
        has_more = True
        try:
            while has_more:
                caller = job_caller(NOTIFIER, channel.tenant)
                has_more = (await self._gate.perform(caller, operation, context)).answer.has_more
        except (ConflictError, NotFoundError):
            _log.info("the ends of channel %s are announced elsewhere", channel.id)


class Housekeeping:
    """Fills hashes that an earlier release did not know, and forgets old deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fill_hashes(self) -> None:
        """Fill a bounded number; nothing once all are."""
        while await fill_hashes(self._database, most=_MOST_FILLED) == _MOST_FILLED:
            continue

    async def forget_deliveries(self) -> None:
        """Forget the log beyond its time, a bounded number at once."""

        async def work(transaction: Transaction) -> int:
            before = transaction.now - KEPT_FOR
            return await forget_deliveries(transaction, before, most=_MOST_FORGOTTEN)

        while await self._database.begin(work) == _MOST_FORGOTTEN:
            continue


def life_timers(renewals: Renewals, ends: Ends, housekeeping: Housekeeping) -> tuple[Timer, ...]:
    """Return the timers."""
    return (
        Timer("x509-renewals", _EVERY_MINUTE, renewals.renew_due),
        Timer("x509-ends", _EVERY_MINUTE, ends.announce_due),
        Timer("x509-hashes", _EVERY_MINUTE, housekeeping.fill_hashes),
        Timer("x509-deliveries", timedelta(hours=1), housekeeping.forget_deliveries, expires=True),
    )
