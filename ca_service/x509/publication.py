"""Publishing CRLs at once: after a revocation, in the background, joined where several ask."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from datetime import timedelta

from ca_service.database.port import Database
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.operations import PublishRevocationList
from ca_service.x509.revocation import REPLACED_AFTER
from ca_service.x509.storage.revocation_lists import list_due

#: The system principal whose one right is to publish (S15).
PUBLISHER = "x509-publish"
#: How long somebody who asks for a CRL that is behind waits for the next one.
_PATIENCE = timedelta(seconds=2)

_log = logging.getLogger("keywright.x509")


def publisher_of(tenant: Tenant) -> Caller:
    """Return the job that publishes in this project."""
    return Caller(
        kind=CallerKind.SYSTEM,
        id=PUBLISHER,
        name=PUBLISHER,
        address="",
        authenticated_by="job",
        organization=tenant.organization,
        project=tenant.project,
    )


class Publisher:
    """Performs `PublishRevocationList` as the publishing job, one at a time for each authority."""

    def __init__(self, gate: Gate, database: Database, identifiers: Identifiers) -> None:
        self._gate = gate
        self._database = database
        self._identifiers = identifiers
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: Publications that have not begun: whoever asks before they do is served by them.
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def publish(self, tenant: Tenant, authority_id: str) -> None:
        """Return once a CRL is published that tells all that was revoked before this call."""
        await asyncio.shield(self._task(tenant, authority_id))

    def publish_soon(self, tenant: Tenant, authority_id: str) -> None:
        """Publish in the background; what fails is tried again by `publish_due`."""
        self._task(tenant, authority_id).add_done_callback(_log_failure)

    async def publish_patiently(self, tenant: Tenant, authority_id: str) -> None:
        """Publish and wait a little; an error or a slow authority is no reason to refuse an older CRL."""
        with contextlib.suppress(TimeoutError, KeywrightError):
            await asyncio.wait_for(self.publish(tenant, authority_id), _PATIENCE.total_seconds())

    async def publish_due(self) -> None:
        """Publish what is behind or at half of its life; a timer's work, and the repair after a crash."""
        for tenant, authority_id in await list_due(self._database, self._database.now() - REPLACED_AFTER):
            try:
                await self.publish(tenant, authority_id)
            except KeywrightError as error:
                _log.warning("the CRL of %s was not published: %s", authority_id, error.detail)

    def _task(self, tenant: Tenant, authority_id: str) -> asyncio.Task[None]:
        task = self._waiting.get(authority_id)
        if task is None:
            task = asyncio.create_task(self._publish(tenant, authority_id))
            self._waiting[authority_id] = task
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return task

    async def _publish(self, tenant: Tenant, authority_id: str) -> None:
        try:
            async with self._turns[authority_id]:
                self._waiting.pop(authority_id, None)
                await self._gate.perform(
                    publisher_of(tenant),
                    PublishRevocationList(project=tenant.project, authority_id=authority_id),
                    RequestContext(self._identifiers.new("job")),
                )
        finally:
            if self._waiting.get(authority_id) is asyncio.current_task():
                del self._waiting[authority_id]


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.warning("a CRL was not published and will be tried again: %s", task.exception())
