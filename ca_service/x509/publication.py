"""Publishing CRLs at once: after a revocation, in the background, joined where several ask."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.operations import PublishRevocationList
from ca_service.x509.revocation import REPLACED_AFTER
from ca_service.x509.storage.revocation_lists import (
    WHOLE,
    ListKey,
    claim_turn,
    find_state,
    list_due,
    release_turn,
)

#: The system principal whose one right is to publish (S15).
PUBLISHER = "x509-publish"
#: How long somebody who asks for a CRL that is behind waits for the next one.
_PATIENCE = timedelta(seconds=2)
#: For how long a process may publish a list alone; one that dies meanwhile is waited for so long.
_TURN = timedelta(seconds=5)
#: How often to look whether another process has published.
_LOOK_SECONDS = 0.05
#: A list that takes longer than this in seconds is signed anew after a rest, so that a flood of revocations
#: leaves most of the time to others, and each is told within a second all the same.
_FELT = 0.02
_RESTS = 3
_LONGEST_REST = 0.5

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
    """Performs `PublishRevocationList` as the publishing job, one at a time for each list, on all workers."""

    def __init__(self, gate: Gate, database: Database, identifiers: Identifiers) -> None:
        self._gate = gate
        self._database = database
        self._identifiers = identifiers
        self._turns: defaultdict[ListKey, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: Publications that have not begun: whoever asks before they do is served by them.
        self._waiting: dict[ListKey, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        #: By list, before when it is not signed again, in seconds of the event loop.
        self._rest: dict[ListKey, float] = {}

    async def publish(self, tenant: Tenant, authority_id: str, part: str = WHOLE) -> None:
        """Return once a CRL is published that tells all that was revoked before this call."""
        await asyncio.shield(self._task(ListKey(tenant, authority_id, part)))

    def publish_soon(self, tenant: Tenant, authority_id: str, part: str = WHOLE) -> None:
        """Publish in the background; what fails is tried again by `publish_due`."""
        self._task(ListKey(tenant, authority_id, part)).add_done_callback(_log_failure)

    async def publish_patiently(self, tenant: Tenant, authority_id: str, part: str = WHOLE) -> None:
        """Publish and wait a little; an error or a slow authority is no reason to refuse an older CRL."""
        with contextlib.suppress(TimeoutError, KeywrightError):
            await asyncio.wait_for(self.publish(tenant, authority_id, part), _PATIENCE.total_seconds())

    async def publish_due(self) -> None:
        """Publish what is behind or at half of its life; a timer's work, and the repair after a crash."""
        for key in await list_due(self._database, self._database.now() - REPLACED_AFTER):
            try:
                await asyncio.shield(self._task(key))
            except KeywrightError as error:
                _log.warning("the CRL of %s was not published: %s", key.authority_id, error.detail)

    def _task(self, key: ListKey) -> asyncio.Task[None]:
        task = self._waiting.get(key)
        if task is None:
            task = asyncio.create_task(self._publish(key))
            self._waiting[key] = task
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return task

    async def _publish(self, key: ListKey) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with self._turns[key]:
                await asyncio.sleep(max(0.0, self._rest.pop(key, 0.0) - loop.time()))
                started = loop.time()
                await self._publish_alone(key)
                took = loop.time() - started
                if took > _FELT:
                    self._rest[key] = loop.time() + min(_RESTS * took, _LONGEST_REST)
        finally:
            self._begin(key)

    def _begin(self, key: ListKey) -> None:
        """Let whoever asks from now on be served by the next publication."""
        if self._waiting.get(key) is asyncio.current_task():
            del self._waiting[key]

    async def _publish_alone(self, key: ListKey) -> None:
        """Publish, or wait until another process has published all that was revoked before this call."""
        while True:
            until = self._database.now() + _TURN
            if await self._database.begin(partial(claim_turn, key=key, until=until)):
                break
            state = await find_state(self._database, key)
            if state is None or not state.has_news:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            self._begin(key)
            await self._gate.perform(
                publisher_of(key.tenant),
                PublishRevocationList(
                    project=key.tenant.project, authority_id=key.authority_id, part=key.part
                ),
                RequestContext(self._identifiers.new("job")),
            )
        finally:
            with contextlib.suppress(KeywrightError):
                await self._database.begin(partial(release_turn, key=key, until=until))


def start_later(transaction: Transaction, action: Callable[[], None]) -> None:
    """Call `action` in this event loop once the transaction is durable, which another thread may tell."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.call_soon_threadsafe(action)

    transaction.on_commit(tell)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.warning("a CRL was not published and will be tried again: %s", task.exception())
