"""Failed logins of one identity from one source, as values, and what they come to."""

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec
from msgspec import Struct

from ca_service.kernel.errors import UnacceptableError

_MOST_FAILURES = 1000
LONGEST_LOCK = timedelta(days=30)
LONGEST_WINDOW = timedelta(days=1)


class LockoutTerms(Struct, frozen=True, kw_only=True):
    """When a source is locked out: at the `threshold`th failure, each within `window` of the one before.

    It stays so for `duration`. A threshold of 0 never locks anybody out. None: the instance's default.
    """

    threshold: int | None = None
    duration: timedelta | None = None
    window: timedelta | None = None


class LockoutRule(Struct, frozen=True, kw_only=True):
    """The terms that hold for one identity, complete."""

    threshold: int
    duration: timedelta
    window: timedelta

    def with_terms(self, terms: LockoutTerms | None) -> "LockoutRule":
        """Return the rule with what the identity's own terms say instead."""
        if terms is None:
            return self
        own = {field: value for field, value in msgspec.structs.asdict(terms).items() if value is not None}
        return msgspec.structs.replace(self, **own)


class Lockout(Struct, frozen=True, kw_only=True):
    """The failures of one identity from one source. `locked_until` is None where nothing was locked."""

    identity: str
    source: str
    failures: int
    last_failed_at: datetime
    locked_until: datetime | None = None

    def is_locked(self, now: datetime) -> bool:
        """Tell whether the source is locked out at `now`."""
        return self.locked_until is not None and now < self.locked_until

    def failures_that_count(self, rule: LockoutRule, now: datetime) -> int:
        """Return how many failures lead up to the next one."""
        is_over = self.locked_until is not None and not self.is_locked(now)
        return 0 if is_over or now - self.last_failed_at > rule.window else self.failures


def source_of(address: str) -> str:
    """Return the source an address is counted under: itself, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"{parsed.ipv4_mapped}/32"
        return str(ip_network((parsed, 64), strict=False))
    return f"{parsed}/32"


def verify_lockout_terms(terms: LockoutTerms | None) -> None:
    """Return if the terms can be kept. Raises UnacceptableError naming the field."""
    if terms is None:
        return
    if terms.threshold is not None and not 0 <= terms.threshold <= _MOST_FAILURES:
        raise UnacceptableError(
            f"Give 1 to {_MOST_FAILURES} failures, or 0 to lock nobody out.",
            field="lockout_threshold",
            rule="range",
        )
    spans = (
        ("lockout_duration", terms.duration, LONGEST_LOCK),
        ("lockout_window", terms.window, LONGEST_WINDOW),
    )
    for field, span, longest in spans:
        if span is not None and not timedelta(0) < span <= longest:
            raise UnacceptableError(
                f"Between 1 and {int(longest.total_seconds())} seconds are allowed here.",
                field=field,
                rule="range",
            )
