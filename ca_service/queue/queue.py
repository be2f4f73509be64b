"""Where work is left for later: in the transaction of what makes it necessary."""

from collections.abc import Callable
from datetime import datetime

from ca_service.database.port import Database, Transaction
from ca_service.kernel.identifiers import Identifiers
from ca_service.queue.jobs import DeadJob
from ca_service.queue.storage import insert_job, read_dead_jobs, revive_job


class Queue:
    """Jobs run at least once, in no promised order, after the transaction that enqueued them is durable."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._wake: Callable[[], None] | None = None

    async def enqueue(
        self,
        transaction: Transaction,
        kind: str,
        payload: bytes,
        *,
        run_at: datetime | None = None,
        unique: str | None = None,
    ) -> None:
        """Leave a job for the handler of `kind`, to be run at `run_at` or as soon as possible.

        Of jobs with the same `unique` key only one waits, with the newest payload and the earliest time; one
        that is running already runs once more. A payload holds no secret.
        """
        await insert_job(transaction, self._identifiers.new("job"), kind, payload, run_at, unique)
        if self._wake is not None:
            transaction.on_commit(self._wake)

    def wake_with(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever this process has committed a job."""
        self._wake = wake

    async def dead_jobs(self, database: Database, *, limit: int = 100) -> list[DeadJob]:
        """Return the jobs that failed too often, the latest first."""
        return await read_dead_jobs(database, limit)

    async def revive(self, transaction: Transaction, job_id: str) -> bool:
        """Let a dead job start over, and tell whether it was there."""
        if self._wake is not None:
            transaction.on_commit(self._wake)
        return await revive_job(transaction, job_id)
