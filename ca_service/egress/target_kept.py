"""Sessions that are kept for a moment, so that a burst of leases does not log in anew for each.

They are cleared of everything their last holder left before they are kept: transactions, locks, settings.
"""

import asyncio
from typing import TYPE_CHECKING

from ca_service.egress.target_place import PostgresqlPlace

if TYPE_CHECKING:
    from ca_service.egress.target_wire import TargetWire

#: So long a session stays open without being used; names are resolved anew after that at the latest.
_SECONDS = 3.0
_MOST_OF_ONE = 8
_MOST = 64


class KeptSessions:
    """Open sessions that nobody uses, by where they lead and as whom."""

    def __init__(self) -> None:
        self._kept: dict[PostgresqlPlace, list[tuple[TargetWire, asyncio.TimerHandle]]] = {}

    def take(self, place: PostgresqlPlace) -> "TargetWire | None":
        """Return the one that was used last, if there is one."""
        kept = self._kept.get(place)
        if not kept:
            return None
        wire, ending = kept.pop()
        ending.cancel()
        if not kept:
            del self._kept[place]
        return wire

    def keep(self, place: PostgresqlPlace, wire: "TargetWire") -> None:
        """Keep a session that is cleared, or end it where there are enough."""
        kept = self._kept.get(place, [])
        if len(kept) >= _MOST_OF_ONE or sum(map(len, self._kept.values())) >= _MOST:
            wire.close()
            return
        ending = asyncio.get_running_loop().call_later(_SECONDS, self._end, place, wire)
        self._kept.setdefault(place, kept).append((wire, ending))

    def _end(self, place: PostgresqlPlace, wire: "TargetWire") -> None:
        left = [pair for pair in self._kept.pop(place, []) if pair[0] is not wire]
        if left:
            self._kept[place] = left
        wire.close()
