"""Runners and handlers of jobs for tests of the queue."""

from ca_service.database.port import Database
from ca_service.kernel.errors import ConflictError
from ca_service.queue.jobs import JobHandler, JobRun
from ca_service.queue.queue import Queue
from ca_service.queue.runner import JobRunner
from tests.support.fakes.kernel import FakeIdentifiers, FakeRandomness


class Recorder:
    """A handler that keeps what it was given, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.failures = 0

    async def __call__(self, run: JobRun) -> None:
        self.payloads.append(run.payload)
        if self.failures > 0:
            self.failures -= 1
            raise ConflictError("not this time: hunter2")


def make_runner(database: Database, queue: Queue, handler: JobHandler, name: str = "run") -> JobRunner:
    """Return a runner for jobs of kind `note`, of which at most four run at once."""
    identifiers = FakeIdentifiers()
    runner = JobRunner(database, queue, {"note": handler}, identifiers, FakeRandomness(), concurrency=4)
    runner._owner = name
    return runner


async def enqueue(
    database: Database, queue: Queue, payload: bytes, *, kind: str = "note", **options: object
) -> None:
    """Leave one job."""
    await database.begin(lambda transaction: queue.enqueue(transaction, kind, payload, **options))  # type: ignore[arg-type]
