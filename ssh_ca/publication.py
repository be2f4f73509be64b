"""Publishing key revocation lists at once: after a revocation, in the background, once for all who ask."""

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
from ssh_ca.operations import PublishKeyRevocationList
from ssh_ca.storage.revocation_lists import list_due

#: The system principal whose one right is to publish (S15).
PUBLISHER = "ssh-publish"
#: A list is made anew after this time, without what has expired; its date tells hosts that it is fresh.
REPLACED_AFTER = timedelta(hours=12)
#: How long somebody who asks for a list that is behind waits for the next one.
_PATIENCE = timedelta(seconds=2)

_log = logging.getLogger("keywright.ssh")


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
    """Performs `PublishKeyRevocationList` as the publishing job, one at a time for each project."""

    def __init__(self, gate: Gate, database: Database, identifiers: Identifiers) -> None:
        self._gate = gate
        self._database = database
        self._identifiers = identifiers
        self._turns: defaultdict[Tenant, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: Publications that have not begun: whoever asks before they do is served by them.
        self._waiting: dict[Tenant, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def publish(self, tenant: Tenant) -> None:
        """Return once a list is published that tells all that was revoked before this call."""
        await asyncio.shield(self._task(tenant))

    def publish_soon(self, tenant: Tenant) -> None:
        """Publish in the background; what fails is tried again by `publish_due`."""
        self._task(tenant).add_done_callback(_log_failure)

    async def publish_patiently(self, tenant: Tenant) -> None:
        """Publish and wait a little; an error or a slow key is no reason to refuse an older list."""
        with contextlib.suppress(TimeoutError, KeywrightError):
            await asyncio.wait_for(self.publish(tenant), _PATIENCE.total_seconds())

    async def publish_due(self) -> None:
        """Publish what is behind or old; a timer's work, and the repair after a crash."""
        for tenant in await list_due(self._database, self._database.now() - REPLACED_AFTER):
            try:
                await self.publish(tenant)
            except KeywrightError as error:
                _log.warning("the revocation list of %s was not published: %s", tenant.project, error.detail)

    def _task(self, tenant: Tenant) -> asyncio.Task[None]:
        task = self._waiting.get(tenant)
        if task is None:
            task = asyncio.create_task(self._publish(tenant))
            self._waiting[tenant] = task
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return task

    async def _publish(self, tenant: Tenant) -> None:
        try:
            async with self._turns[tenant]:
                self._waiting.pop(tenant, None)
                await self._gate.perform(
                    publisher_of(tenant),
                    PublishKeyRevocationList(project=tenant.project),
                    RequestContext(self._identifiers.new("job")),
                )
        finally:
            if self._waiting.get(tenant) is asyncio.current_task():
                del self._waiting[tenant]


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.warning("a revocation list was not published and will be tried again: %s", task.exception())
