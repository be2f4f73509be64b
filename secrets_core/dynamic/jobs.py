"""What ends leases by itself: claims what is due, target by target, and performs `EndDueLease` for each."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.port import Gate, RequestContext
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import Tenant
from ca_service.web.module import Timer
from secrets_core.dynamic.leases import CLAIM, REVOKER
from secrets_core.dynamic.operations import EndDueLease
from secrets_core.dynamic.storage.due_leases import (
    DueLease,
    claim_due_leases,
    has_due_leases,
    release_leases,
)
from secrets_core.dynamic.storage.targets import find_breaker, take_probe

_EVERY = timedelta(seconds=2)
#: Leases claimed at once. All of them are tried, or given back, well within the claim.
_BATCH = 100
#: Leases of one target that are ended at once.
_ABREAST = 4
#: After this time in a run nothing more is begun under its claim.
_WORKING = CLAIM / 3

_Place: TypeAlias = tuple[Tenant, str]

_log = logging.getLogger("keywright.dynamic")


def revoker_of(tenant: Tenant) -> Caller:
    """Return the job that ends leases in this project."""
    return Caller(
        kind=CallerKind.SYSTEM,
        id=REVOKER,
        name=REVOKER,
        address="",
        authenticated_by="job",
        organization=tenant.organization,
        project=tenant.project,
    )


class Sweeper:
    """Ends what is due; every process may run one, and each lease is in the hands of one of them."""

    def __init__(self, gate: Gate, database: Database, identifiers: Identifiers) -> None:
        self._gate = gate
        self._database = database
        self._identifiers = identifiers
        #: What is under way: a target that does not answer keeps nobody else's leases waiting.
        self._running: dict[_Place, asyncio.Task[int]] = {}

    async def run(self) -> None:
        """Begin to end all that is due now, and wait a little for that; a timer's work."""
        while await has_due_leases(self._database):
            claimed, tasks = await self._begin()
            if tasks:
                await asyncio.wait(tasks, timeout=_EVERY.total_seconds())
            if claimed < _BATCH:
                break

    async def end_due(self) -> int:
        """End all that is due now, and return how many leases were tried."""
        tried = 0
        while await has_due_leases(self._database):
            claimed, tasks = await self._begin()
            tried += sum(await asyncio.gather(*tasks))
            if claimed < _BATCH:
                break
        return tried

    async def _begin(self) -> tuple[int, list[asyncio.Task[int]]]:
        """Claim what is due, and begin to end it, one target apart from the other."""
        claim = self._identifiers.new("clm")

        async def work(transaction: Transaction) -> list[DueLease]:
            return await claim_due_leases(transaction, claim, transaction.now + CLAIM, _BATCH)

        leases = await self._database.begin(work)
        groups: dict[_Place, list[DueLease]] = defaultdict(list)
        for lease in leases:
            groups[lease.tenant, lease.target].append(lease)
        tasks = []
        for place, group in groups.items():
            if place in self._running:
                await self.release(claim, group)
                continue
            task = asyncio.create_task(_Run(self, claim, group).end_all(), name=f"leases-at-{place[1]}")
            self._running[place] = task
            task.add_done_callback(partial(self._ended, place))
            tasks.append(task)
        return len(leases), tasks

    def _ended(self, place: _Place, task: asyncio.Task[int]) -> None:
        del self._running[place]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("leases at %s are left for later", place[1], exc_info=error)

    async def release(self, claim: str, leases: Sequence[DueLease]) -> None:
        """Give back what was claimed and not begun."""
        ids = [lease.id for lease in leases]
        await self._database.begin(lambda transaction: release_leases(transaction, claim, ids))

    async def may_try(self, lease: DueLease) -> bool | None:
        """Return None where a target answered lately; else whether it is ours to ask if it does again."""
        if await find_breaker(self._database, lease.tenant, lease.target) is None:
            return None

        async def work(transaction: Transaction) -> bool:
            until = to_microseconds(transaction.now + CLAIM)
            return await take_probe(transaction, lease.tenant, lease.target, until)

        return await self._database.begin(work)

    async def end_one(self, lease: DueLease, claim: str) -> bool:
        """End one lease; False if its target did not answer."""
        operation = EndDueLease(project=lease.tenant.project, lease=lease.id, claim=claim)
        context = RequestContext(self._identifiers.new("job"))
        try:
            outcome = await self._gate.perform(revoker_of(lease.tenant), operation, context)
        except NotFoundError:
            return True
        except KeywrightError as error:
            # Such as a row that was edited: it stays due, and does not keep the others waiting.
            _log.error("the lease %s could not be ended (%s)", lease.id, error.slug)
            return True
        except Exception as error:  # noqa: BLE001 - one lease must not keep the others of its target waiting
            _log.error("the lease %s could not be ended", lease.id, exc_info=error)
            return True
        return not outcome.answer.is_target_down

    def is_late(self, since: float) -> bool:
        """Tell whether a run that began then should begin nothing more."""
        return asyncio.get_running_loop().time() - since > _WORKING.total_seconds()


class _Run:
    """The due leases of one target: one is tried first where the target was down, then a few at once."""

    def __init__(self, sweeper: Sweeper, claim: str, leases: Sequence[DueLease]) -> None:
        self._sweeper = sweeper
        self._claim = claim
        self._left = list(reversed(leases))
        self._is_down = False

    async def end_all(self) -> int:
        """End them, or give back what is not tried; return how many were."""
        since, claimed = asyncio.get_running_loop().time(), len(self._left)
        probe = await self._sweeper.may_try(self._left[-1])
        if probe:
            await self._end_next()
        if probe is not False:
            await asyncio.gather(*(self._go_on(since) for _ in range(_ABREAST)))
        if self._left:
            await self._sweeper.release(self._claim, self._left)
        return claimed - len(self._left)

    async def _go_on(self, since: float) -> None:
        while self._left and not self._is_down and not self._sweeper.is_late(since):
            await self._end_next()

    async def _end_next(self) -> None:
        if not await self._sweeper.end_one(self._left.pop(), self._claim):
            self._is_down = True


def timers(sweeper: Sweeper) -> tuple[Timer, ...]:
    """Return the timers. A clock that jumped ends nothing (S23)."""
    return (Timer(name="dynamic-leases", every=_EVERY, run=sweeper.run, expires=True),)
