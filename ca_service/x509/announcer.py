"""Telling channels what happened: into the outbox, in the transaction in which it happens."""

from typing import Any

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.queue.queue import Queue
from ca_service.x509.channels import TABLE, Channel
from ca_service.x509.deliveries import JOB_KIND, DeliveryJob, encode_job
from ca_service.x509.events import Event, EventKind, event_body
from ca_service.x509.storage.channels import list_channels
from ca_service.x509.storage.deliveries import insert_delivery

_MOST_PROJECTS = 4096


class Announcer:
    """Knows the channels of each project, from memory until a process announces a change."""

    def __init__(self, database: Database, custody: Custody, queue: Queue, identifiers: Identifiers) -> None:
        self._database = database
        self._queue = queue
        self._identifiers = identifiers
        self.mac = RowMac(custody, TABLE)
        self._hint: int | None = None
        self._known: dict[str, tuple[Channel, ...]] = {}

    def forget(self) -> None:
        """Read the channels anew from now on."""
        self._known.clear()

    async def audience(self, tenant: Tenant, kind: EventKind) -> tuple[Channel, ...]:
        """Return who is told of such an event in a project; ask before the transaction."""
        hint = self._database.change_hint()
        if hint is None or hint != self._hint:
            self.forget()
            self._hint = hint
        known = self._known.get(tenant.project)
        if known is None:
            known = tuple(await list_channels(self._database, self.mac, tenant))
            if len(self._known) >= _MOST_PROJECTS:
                self._known.clear()
            self._known[tenant.project] = known
        return tuple(channel for channel in known if channel.wants(kind)) if known else ()

    async def tell(
        self, transaction: Transaction, audience: tuple[Channel, ...], kind: EventKind, data: dict[str, Any]
    ) -> str | None:
        """Leave one event for each of its audience; returns the id of the last delivery."""
        if not audience:
            return None
        event = Event(
            id=self._identifiers.new("evt"),
            kind=kind,
            tenant=audience[0].tenant,
            at=transaction.now,
            data=data,
        )
        body = event_body(event)
        delivery_id = None
        for channel in audience:
            delivery_id = self._identifiers.new("dlv")
            insert_delivery(transaction, channel, delivery_id, kind.value, body)
            job = DeliveryJob(channel.tenant.organization, channel.tenant.project, delivery_id)
            await self._queue.enqueue(transaction, JOB_KIND, encode_job(job))
        return delivery_id
