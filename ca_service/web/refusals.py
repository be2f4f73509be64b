"""Callers no one could name: counted in memory, told to the trail once a minute (S8).

Before authentication nothing is written, so a flood costs the trail one entry a minute and kind.
"""

from collections import Counter
from typing import Protocol

from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.kernel.clock import Clock
from ca_service.kernel.identifiers import Identifiers
from ca_service.web.rate_limits import prefix_of

_MOST_KINDS = 64
_MOST_PREFIXES = 4096
_SHOWN_PREFIXES = 16
_OTHERS = "others"


class Trail(Protocol):
    """The part of the audit trail that is needed here."""

    async def append(self, entry: AuditEntry) -> None:
        """Write one entry."""


class Refusals:
    """Counts refusals by (reason, method, network) and turns them into audit entries."""

    def __init__(self, trail: Trail, identifiers: Identifiers, clock: Clock) -> None:
        self._trail = trail
        self._identifiers = identifiers
        self._clock = clock
        self._counts: dict[tuple[str, str], Counter[str]] = {}

    def count(self, *, reason: str, method: str, address: str) -> None:
        """Count one refusal. `reason` is a slug, `method` the way the caller tried to prove itself."""
        kind = (reason, method)
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            kind = (_OTHERS, _OTHERS)
        networks = self._counts.setdefault(kind, Counter())
        prefix = prefix_of(address)
        if prefix not in networks and len(networks) >= _MOST_PREFIXES:
            prefix = _OTHERS
        networks[prefix] += 1

    async def flush(self) -> None:
        """Write one entry for each kind that was seen since the last time."""
        counts, self._counts = self._counts, {}
        for (reason, method), networks in sorted(counts.items()):
            await self._trail.append(
                AuditEntry(
                    id=self._identifiers.new("aud"),
                    at=self._clock.now(),
                    organization=None,
                    project=None,
                    caller="",
                    action="identity:authenticate",
                    resource='Instance::"instance"',
                    outcome=AuditOutcome.DENIED,
                    reason=reason,
                    request_id="",
                    address="",
                    details={
                        "method": method,
                        "count": networks.total(),
                        "networks": dict(networks.most_common(_SHOWN_PREFIXES)),
                    },
                )
            )
