"""The job that a response to a challenge leaves behind: what the queue carries, and the port to it."""

from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.kernel.tenancy import OrganizationId, ProjectId

JOB_KIND = "acme-validate"


class ValidationJob(Struct, frozen=True):
    """One challenge to look at."""

    organization: OrganizationId
    project: ProjectId
    challenge: str


class JobQueue(Protocol):
    """What of the queue is used here."""

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
        """Enqueue a job in the caller's transaction; return whether one to run `here` is this process's."""


def encode_job(job: ValidationJob) -> bytes:
    """Return the job as the queue carries it."""
    return msgspec.json.encode(job)


def decode_job(payload: bytes) -> ValidationJob:
    """Return the job that the queue carried."""
    return msgspec.json.decode(payload, type=ValidationJob)
