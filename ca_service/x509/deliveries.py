"""One event on its way to one channel."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

JOB_KIND = "x509-deliver"
#: The system principal that may tell, and nothing else (S15).
NOTIFIER = "x509-notify"
#: With the queue's pauses (up to an hour each) that is most of a day.
MOST_ATTEMPTS = 25
#: How long the log of deliveries is kept.
KEPT_FOR = timedelta(days=30)
MOST_ERROR = 300


class DeliveryStatus(StrEnum):
    """What came of it so far."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(Struct, frozen=True, kw_only=True):
    """A line of the log. `answer_status` is the HTTP status of the last answer."""

    id: str
    tenant: Tenant
    channel: str
    event: str
    payload: bytes
    status: DeliveryStatus
    attempts: int
    answer_status: int | None
    last_error: str
    created_at: datetime
    settled_at: datetime | None


class DeliveryJob(Struct, frozen=True):
    """What the queue carries."""

    organization: OrganizationId
    project: ProjectId
    delivery: str


class Attempt(Struct, frozen=True, kw_only=True):
    """What one attempt came to; `is_final` tells that another would change nothing."""

    is_delivered: bool
    answer_status: int | None = None
    error: str = ""
    is_final: bool = False


def status_after(attempt: Attempt, attempts: int) -> DeliveryStatus:
    """Return the status after so many attempts, this one included."""
    if attempt.is_delivered:
        return DeliveryStatus.DELIVERED
    is_over = attempt.is_final or attempts >= MOST_ATTEMPTS
    return DeliveryStatus.FAILED if is_over else DeliveryStatus.PENDING


def encode_job(job: DeliveryJob) -> bytes:
    """Return the job as the queue carries it."""
    return msgspec.json.encode(job)


def decode_job(payload: bytes) -> DeliveryJob:
    """Return the job that the queue carried."""
    return msgspec.json.decode(payload, type=DeliveryJob)
