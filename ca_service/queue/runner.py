"""Runs jobs: claims what is due, a bounded number at a time, and settles each by what came of it."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from ca_service.database.port import Database, Transaction
from ca_service.kernel.errors import KeywrightError, UnavailableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.queue.errors import AbandonedJobError, UnknownJobError
from ca_service.queue.jobs import LAST_ATTEMPT, Job, JobHandler, JobRun, pause_after
from ca_service.queue.queue import Lease, Queue
from ca_service.queue.storage import (
    bury_job,
    claim_jobs,
    extend_leases,
    finish_job,
    finish_job_with,
    give_back_jobs,
    read_next_run,
    retry_job,
)

_LOG = logging.getLogger(__name__)

#: A process that dies leaves its jobs to others after this time, well before a client that waits for one of
#: them gives up; a job that takes longer keeps its lease.
_LEASE = timedelta(seconds=20)
_EXTEND_SECONDS = 6.0
#: What other processes enqueue is found after at most this time.
_POLL_SECONDS = 1.0


class JobRunner:
    """One process's worker over the shared table. It implements `queue.Worker`."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        handlers: Mapping[str, JobHandler],
        identifiers: Identifiers,
        randomness: Randomness,
        *,
        concurrency: int = 32,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._randomness = randomness
        self._concurrency = concurrency
        self._owner = identifiers.new("run")
        self._running: dict[asyncio.Task[None], Job] = {}
        #: Leased to this process at a commit, and more than may run at once.
        self._waiting: deque[Job] = deque()
        self._wake = asyncio.Event()
        #: This process has committed a job since the last claim.
        self._has_news = False
        self._is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        queue.work_with(self)

    def start(self) -> None:
        """Begin to work in the background."""
        self._tasks = [
            asyncio.create_task(self._work(), name="job-runner"),
            asyncio.create_task(self._keep_leases(), name="job-leases"),
        ]

    async def stop(self, grace: timedelta) -> None:
        """Claim nothing more, wait for running jobs, and leave to others what is not done after `grace`."""
        self._is_stopping = True
        self._wake.set()
        if self._running:
            await asyncio.wait(list(self._running), timeout=grace.total_seconds())
        left = dict(self._running)
        for task in (*self._tasks, *left):
            task.cancel()
        await asyncio.gather(*self._tasks, *left, return_exceptions=True)
        ids = [job.id for job in (*left.values(), *self._waiting)]
        self._waiting.clear()
        if ids:
            await self._database.begin(lambda transaction: give_back_jobs(transaction, self._owner, ids))

    def tell(self) -> None:
        self._has_news = True
        self._wake.set()

    def offer(self, now: datetime) -> Lease | None:
        if not self._tasks or self._is_stopping or self._room() <= 0:
            return None
        return Lease(self._owner, now + _LEASE)

    def take(self, job: Job) -> None:
        # Commits that share a group were all offered the same room.
        if self._room() <= 0 or self._is_stopping:
            self._waiting.append(job)
        else:
            self._begin(job)

    async def run_due(self) -> int:
        """Claim and run what is due now, up to the bound, and return how many jobs that were."""
        tasks = await self._start_due()
        if tasks:
            await asyncio.gather(*tasks)
        return len(tasks)

    async def _work(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            pause = _POLL_SECONDS
            try:
                if self._room() > 0:
                    # What was just committed here is claimed without a look whether anything is due.
                    pause = 0 if self._has_news else await self._pause()
                    if pause <= 0:
                        self._has_news = False
                        await self._start_due()
                        pause = _POLL_SECONDS
            except KeywrightError as error:
                _LOG.warning("the queue cannot be read (%s)", error.slug)
                pause = _POLL_SECONDS
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    async def _pause(self) -> float:
        """Return the seconds until the next job is due, at most the polling interval."""
        next_run = await read_next_run(self._database)
        if next_run is None:
            return _POLL_SECONDS
        return min((next_run - self._database.now()).total_seconds(), _POLL_SECONDS)

    async def _start_due(self) -> list[asyncio.Task[None]]:
        free = self._room()

        async def claim(transaction: Transaction) -> list[Job]:
            return await claim_jobs(transaction, self._owner, transaction.now + _LEASE, free)

        tasks = []
        for job in await self._database.begin(claim):
            # Meanwhile commits may have filled the room.
            if self._room() > 0:
                tasks.append(self._begin(job))
            else:
                self._waiting.append(job)
        return tasks

    def _room(self) -> int:
        return self._concurrency - len(self._running) - len(self._waiting)

    def _begin(self, job: Job) -> asyncio.Task[None]:
        task = asyncio.create_task(self._run(job), name=f"job-{job.kind}")
        self._running[task] = job
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        was_full = self._room() <= 0
        self._running.pop(task, None)
        if self._waiting and not self._is_stopping:
            self._begin(self._waiting.popleft())
        elif was_full:
            # As long as there was room for more, nothing that is due has been left lying.
            self._wake.set()

    async def _run(self, job: Job) -> None:
        if job.attempts > LAST_ATTEMPT:
            # Nobody lived to settle the last attempt: this job ends processes.
            await self._settle(job, AbandonedJobError(f"job {job.id} was abandoned"))
            return
        run = JobRun(job.payload, lambda transaction: finish_job_with(transaction, self._owner, job))
        failure: Exception | None = None
        try:
            handler = self._handlers.get(job.kind)
            if handler is None:
                raise UnknownJobError(f"no handler for jobs of kind {job.kind}")
            await handler(run)
        except Exception as error:  # noqa: BLE001 - a job may fail in any way; it is settled and tried again
            failure = error
        if not run.is_finished:
            await self._settle(job, failure)
        elif failure is not None:
            _LOG.warning("job %s (%s) failed after its end (%s)", job.id, job.kind, _name(failure))

    async def _settle(self, job: Job, error: Exception | None) -> None:
        try:
            if error is None:
                if await self._database.begin(lambda transaction: finish_job(transaction, self._owner, job)):
                    self.tell()
            elif job.attempts >= LAST_ATTEMPT:
                _LOG.error(
                    "job %s (%s) is dead after %d attempts", job.id, job.kind, job.attempts, exc_info=error
                )
                await self._database.begin(
                    lambda transaction: bury_job(transaction, self._owner, job, _name(error))
                )
            else:
                _LOG.warning("job %s (%s) failed (%s)", job.id, job.kind, _name(error))
                await self._retry(job, _name(error))
        except UnavailableError:
            # Its lease runs out and it comes back.
            _LOG.warning("the outcome of job %s (%s) could not be kept", job.id, job.kind)

    async def _retry(self, job: Job, last_error: str) -> None:
        pause = pause_after(job.attempts, self._randomness)

        async def plan(transaction: Transaction) -> None:
            await retry_job(transaction, self._owner, job, transaction.now + pause, last_error)

        await self._database.begin(plan)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(_EXTEND_SECONDS)
            ids = [job.id for job in (*self._running.values(), *self._waiting)]
            if not ids:
                continue

            async def extend(transaction: Transaction, ids: list[str] = ids) -> None:
                await extend_leases(transaction, self._owner, ids, transaction.now + _LEASE)

            try:
                await self._database.begin(extend)
            except KeywrightError as error:
                _LOG.warning("leases of running jobs could not be kept (%s)", error.slug)


def _name(error: Exception) -> str:
    """Return the kind of an error; its message might hold what must not be written down."""
    return error.slug if isinstance(error, KeywrightError) else type(error).__name__
