"""A lease: one account at a target, from before it is made until it is proved gone.

pending → active → revoking → revoked, or abandoned by a person. A row is never deleted before that, and an
attempt that fails changes nothing but when the next one is due.
"""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from ca_service.kernel.randomness import Randomness
from ca_service.kernel.tenancy import Tenant
from ca_service.queue.jobs import pause_after
from secrets_core.dynamic.errors import LeaseEndedError
from secrets_core.dynamic.providers.port import TIMEOUT, Ending

TABLE = "dynamic_leases"
#: The system principal that may end leases, and nothing else (S15).
REVOKER = "dynamic-leases"
#: How long a call of a provider waits for its turn at a busy target.
PATIENCE = timedelta(seconds=10)
#: An account is made within this time from the intent, or not at all.
MAKING = PATIENCE + TIMEOUT
#: A pending lease is its creator's for this long; then whoever finds it ends the account. Longer than an
#: account can be in the making, so that none appears behind the back of who looked for it.
GRACE = 4 * MAKING
#: A revocation under way is its process's for this long; another takes over from a dead one then.
CLAIM = 3 * MAKING
#: Nobody's claim reaches further than this; one that does was not written by us.
LONGEST_CLAIM = max(GRACE, CLAIM)
#: An end that is this late is shown to people, with its reason.
OVERDUE_AFTER = timedelta(minutes=10)
#: While a target is down its leases come back at least this often: they wait for the one probe anyway.
_LONGEST_DOWN = timedelta(minutes=5)
#: A target refuses an account a little after its lease, never before.
TARGET_MARGIN = timedelta(seconds=30)
MOST_ERROR = 500


class LeaseStatus(StrEnum):
    """Where a lease stands."""

    PENDING = "pending"
    ACTIVE = "active"
    REVOKING = "revoking"
    REVOKED = "revoked"
    ABANDONED = "abandoned"


#: In these the account may exist.
LIVE = (LeaseStatus.PENDING, LeaseStatus.ACTIVE, LeaseStatus.REVOKING)


class EndReason(StrEnum):
    """Why a lease ended or is to end."""

    NONE = ""
    EXPIRED = "expired"
    REVOKED = "revoked"
    #: Its creation failed, or nobody lived to confirm it.
    FAILED = "failed"
    #: Its dynamic secret was deleted.
    DELETED = "deleted"
    ABANDONED = "abandoned"


class Schedule(Struct, frozen=True):
    """When somebody must look after a lease again. It decides nothing else, and no MAC covers it.

    `due_at` is None once nothing is left to do. `claim` names who works on it until `claimed_until`.
    """

    due_at: datetime | None
    claim: str = ""
    claimed_until: datetime | None = None
    failures: int = 0
    last_error: str = ""


class Lease(Struct, frozen=True, kw_only=True):
    """One lease. `recipe` is sealed: what it takes to end the account, as it was when that was made.

    `holder` is the caller it was given to. Before it is active, `expires_at` is the end of its creator's
    grace. `ending_at` is when its end began, `ended_as` how the account was found then, `note` why it was
    abandoned.
    """

    id: str
    tenant: Tenant
    dynamic_secret: str
    config_version: int
    holder: str
    username: str
    target: str
    recipe: bytes
    status: LeaseStatus
    created_at: datetime
    expires_at: datetime
    max_expires_at: datetime
    schedule: Schedule
    ending_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason = EndReason.NONE
    ended_as: str = ""
    note: str = ""

    @property
    def is_live(self) -> bool:
        """Tell whether its account may exist and will be ended."""
        return self.status in LIVE

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether its end is so late that people should know."""
        since = self.expires_at if self.ending_at is None else min(self.ending_at, self.expires_at)
        return self.is_live and now - since >= OVERDUE_AFTER


def pending(lease: Lease, now: datetime, claim: str) -> Lease:
    """Return the lease as it is written before its account is made, in the hands of its creator."""
    end = now + GRACE
    return msgspec.structs.replace(
        lease,
        status=LeaseStatus.PENDING,
        created_at=now,
        expires_at=end,
        max_expires_at=end,
        schedule=Schedule(due_at=end, claim=claim, claimed_until=end),
    )


def activate(lease: Lease, expires_at: datetime, max_expires_at: datetime) -> Lease:
    """Return the lease once its account is made. Raises LeaseEndedError unless it is pending."""
    _require(lease, LeaseStatus.PENDING)
    end = min(expires_at, max_expires_at)
    return msgspec.structs.replace(
        lease,
        status=LeaseStatus.ACTIVE,
        expires_at=end,
        max_expires_at=max_expires_at,
        schedule=Schedule(due_at=end),
    )


def prolong(lease: Lease, expires_at: datetime, now: datetime) -> Lease:
    """Return the lease with another end. Raises LeaseEndedError unless it is active and has not expired."""
    _require(lease, LeaseStatus.ACTIVE)
    if lease.expires_at <= now:
        raise _ended(lease)
    end = min(expires_at, lease.max_expires_at)
    return msgspec.structs.replace(lease, expires_at=end, schedule=Schedule(due_at=end))


def begin_end(lease: Lease, reason: EndReason, now: datetime, claim: str) -> Lease:
    """Return the lease while `claim` ends its account; its first reason stays. Raises LeaseEndedError."""
    _require(lease, *LIVE)
    schedule = msgspec.structs.replace(lease.schedule, due_at=now, claim=claim, claimed_until=now + CLAIM)
    return msgspec.structs.replace(
        lease,
        status=LeaseStatus.REVOKING,
        ending_at=lease.ending_at or now,
        end_reason=lease.end_reason or reason,
        schedule=schedule,
    )


def end(lease: Lease, ending: Ending, now: datetime) -> Lease:
    """Return the lease once its account is gone. Raises LeaseEndedError unless its end has begun."""
    _require(lease, LeaseStatus.REVOKING)
    return _over(lease, LeaseStatus.REVOKED, now, ended_as=ending.value)


def abandon(lease: Lease, note: str, now: datetime) -> Lease:
    """Return the lease when people give its account up: it stays as a record. Raises LeaseEndedError."""
    _require(lease, *LIVE)
    reason = lease.end_reason or EndReason.ABANDONED
    return msgspec.structs.replace(
        _over(lease, LeaseStatus.ABANDONED, now),
        end_reason=reason,
        note=note,
        ending_at=lease.ending_at or now,
    )


def after_failure(
    schedule: Schedule, error: str, now: datetime, randomness: Randomness, *, is_down: bool
) -> Schedule:
    """Return when the end is tried again after an attempt that failed: later each time, and never never."""
    failures = schedule.failures + 1
    pause = pause_after(failures, randomness)
    if is_down:
        pause = min(pause, _LONGEST_DOWN)
    return Schedule(due_at=now + pause, failures=failures, last_error=error[:MOST_ERROR])


def reason_of_end(lease: Lease, now: datetime, *, is_deleted: bool) -> EndReason:
    """Return why a job ends this lease now."""
    if lease.status is LeaseStatus.PENDING:
        return EndReason.FAILED
    return EndReason.DELETED if is_deleted and lease.expires_at > now else EndReason.EXPIRED


def _over(lease: Lease, status: LeaseStatus, now: datetime, ended_as: str = "") -> Lease:
    schedule = msgspec.structs.replace(lease.schedule, due_at=None, claim="", claimed_until=None)
    return msgspec.structs.replace(lease, status=status, ended_at=now, ended_as=ended_as, schedule=schedule)


def _require(lease: Lease, *statuses: LeaseStatus) -> None:
    if lease.status not in statuses:
        raise _ended(lease)


def _ended(lease: Lease) -> LeaseEndedError:
    return LeaseEndedError(
        f"The lease is {lease.status.value} and can no longer go this way. Ask for a new lease.",
        rule="lease-ended",
    )
