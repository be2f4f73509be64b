"""Floods of denials: each written in full up to an allowance, then joined with an exact count (S8)."""

from collections.abc import Callable, Hashable
from datetime import datetime
from ipaddress import ip_address, ip_network

import msgspec
from msgspec import Struct

from ca_service.audit.entries import AuditEntry
from ca_service.kernel.clock import Clock

_MOST_CALLERS = 10_000
_MOST_KINDS = 400
_OTHERS = "many"
#: Seconds after which every bucket of ours is full again.
_REFILL = 60.0


class Allowance(Struct, frozen=True):
    """How many entries a caller has at once, and how many more each minute."""

    at_once: int
    per_minute: int


#: Denials of a caller who was established.
DENIALS = Allowance(at_once=60, per_minute=60)
#: Failed logins of an identity that exists.
FAILED_LOGINS = Allowance(at_once=10, per_minute=10)
#: Failures of callers no one could name: counted only.
STRANGERS = Allowance(at_once=0, per_minute=0)


class _Bucket:
    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at


class _Joined:
    __slots__ = ("count", "first", "last")

    def __init__(self, entry: AuditEntry) -> None:
        self.count = 0
        self.first = entry.at
        self.last = entry

    def add(self, entry: AuditEntry) -> None:
        self.count += 1
        self.last = entry


class DenialLedger:
    """Says which denials are written now and keeps the exact count of the others until they are collected.

    In memory and bounded: beyond so many callers or kinds they share one, still counted exactly. What a
    killed process had not yet written is lost; a stopped one writes it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[Hashable, _Bucket] = {}
        self._joined: dict[Hashable, _Joined] = {}

    def admits(self, entry: AuditEntry, allowance: Allowance, kind: str = "") -> bool:
        """Tell whether to write this entry now; otherwise it has been counted.

        `kind` parts what is joined further than caller, action and outcome do: a failure's reason.
        """
        if allowance.at_once and self._take((entry.caller, allowance), allowance):
            return True
        key: Hashable = (
            entry.organization,
            entry.project,
            entry.caller,
            entry.action,
            entry.outcome,
            kind,
            address_prefix(entry.address),
        )
        if key not in self._joined and len(self._joined) >= _MOST_KINDS:
            key = _OTHERS
            entry = msgspec.structs.replace(
                entry, organization=None, project=None, caller=_OTHERS, action=_OTHERS, resource=_OTHERS
            )
        self._joined.setdefault(key, _Joined(entry)).add(entry)
        return False

    def collect(self, now: datetime, new_id: Callable[[], str]) -> list[AuditEntry]:
        """Return one entry for each kind that was joined, and forget them."""
        joined, self._joined = self._joined, {}
        return [
            msgspec.structs.replace(
                kind.last,
                id=new_id(),
                at=now,
                address=address_prefix(kind.last.address),
                request_id="",
                parent=None,
                details={
                    "joined": kind.count,
                    "first_at": kind.first.isoformat(),
                    "last_at": kind.last.at.isoformat(),
                },
            )
            for kind in joined.values()
        ]

    def _take(self, key: Hashable, allowance: Allowance) -> bool:
        now = self._clock.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _MOST_CALLERS:
                self._forget_idle_buckets(now)
            if len(self._buckets) >= _MOST_CALLERS:
                key = _OTHERS
            bucket = self._buckets.setdefault(key, _Bucket(float(allowance.at_once), now))
        refilled = bucket.tokens + (now - bucket.at) * allowance.per_minute / 60
        bucket.tokens, bucket.at = min(float(allowance.at_once), refilled), now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _forget_idle_buckets(self, now: float) -> None:
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if now - bucket.at < _REFILL}


def address_prefix(address: str) -> str:
    """Return the /24 or /64 that an address lies in, or the text itself if it is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))
