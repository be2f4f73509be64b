"""What can be asked about lock-outs, and what is answered."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import OrganizationOperation


class LockoutRecord(Struct, frozen=True, kw_only=True):
    """Failed logins of an identity from one source (an address, or an IPv6 network of 64 bits)."""

    source: str
    failures: int
    last_failed_at: datetime
    locked_until: datetime | None


class LockoutPage(Struct, frozen=True):
    """One page of them; `next_key` is None on the last one."""

    items: tuple[LockoutRecord, ...]
    next_key: str | None


class ListLockouts(OrganizationOperation[LockoutPage], frozen=True, kw_only=True):
    """List the sources from which logins of an identity failed lately; `locked_until` where one is locked."""

    action: ClassVar[str] = "identity:list-lockouts"
    reads: ClassVar[bool] = True
    identity: str
    limit: int
    after: str | None = None


class ClearLockouts(OrganizationOperation[int], frozen=True, kw_only=True):
    """Let an identity log in again from one source, or from all; answers how many were forgotten."""

    action: ClassVar[str] = "identity:clear-lockouts"
    identity: str
    source: str | None = None
