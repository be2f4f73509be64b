"""Where work is left for later: in the transaction of what makes it necessary."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.kernel.identifiers import Identifiers
from ca_service.queue.jobs import DeadJob, Job
from ca_service.queue.storage import insert_job, insert_leased_job, read_dead_jobs, revive_job


class Lease(Struct, frozen=True):
    """Whose a job is, and until when."""

    owner: str
    until: datetime


class Worker(Protocol):
    """Who runs jobs in this process; `JobRunner` does."""

    def tell(self) -> None:
        """Take note that this process has committed a job for whoever is first."""

    def offer(self, now: datetime) -> Lease | None:
        """Return the lease under which one more job may be left to this process alone, if it has room."""

    def take(self, job: Job) -> None:
        """Run a job that was committed under such a lease."""


class Queue:
    """Jobs run at least once, in no promised order, after the transaction that enqueued them is durable."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._worker: Worker | None = None

    async def enqueue(
        self,
        transaction: Transaction,
        kind: str,
        payload: bytes,
        *,
        run_at: datetime | None = None,
        unique: str | None = None,
        here: bool = False,
    ) -> bool:
        """Leave a job for the handler of `kind`, to be run at `run_at` or as soon as possible.

        Of jobs with the same `unique` key only one waits, with the newest payload and the earliest time; one
        that is running already runs once more. A payload holds no secret.

        A job without time and key that is to run `here` belongs to this process from the commit on, if it has
        room: nobody need claim it. Should the process die, another takes the job as if it had been claimed.
        Returns whether it belongs to this process.
        """
        assert not here or (run_at is None and unique is None), "a time or a key is for all"
        id_ = self._identifiers.new("job")
        worker = self._worker
        lease = worker.offer(transaction.now) if here and worker is not None else None
        if lease is None or worker is None:
            insert_job(transaction, id_, kind, payload, run_at, unique)
            self._tell_of(transaction)
            return False
        job = Job(id_, kind, payload, attempts=1, requested=1)
        insert_leased_job(transaction, job, lease.owner, lease.until)
        transaction.on_commit(lambda: worker.take(job))
        return True

    def work_with(self, worker: Worker) -> None:
        """Tell `worker` of every job that this process commits."""
        self._worker = worker

    async def dead_jobs(self, database: Database, *, limit: int = 100) -> list[DeadJob]:
        """Return the jobs that failed too often, the latest first."""
        return await read_dead_jobs(database, limit)

    async def revive(self, transaction: Transaction, job_id: str) -> bool:
        """Let a dead job start over, and tell whether it was there."""
        self._tell_of(transaction)
        return await revive_job(transaction, job_id)

    def _tell_of(self, transaction: Transaction) -> None:
        if self._worker is not None:
            transaction.on_commit(self._worker.tell)
