"""Token buckets per address prefix, in front of everything a stranger can make us do (S8).

Nothing is written: the buckets live in memory, on the monotonic clock, and the least recently used go first.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from msgspec import Struct

from ca_service.config import LimitsConfig
from ca_service.kernel.clock import Clock
from ca_service.kernel.errors import RateLimitedError


class Rate(Struct, frozen=True):
    """At most `burst` at once, refilled by `per_second`."""

    burst: int
    per_second: float


def rates_of(limits: LimitsConfig) -> Mapping[str, Rate]:
    """Return the rates of everything a stranger may ask for; a name without a rate is not limited.

    They are generous: they stop floods, not people.
    """
    configured = {
        "newNonce": Rate(limits.new_nonce_burst, limits.new_nonce_per_second),
        "newAccount": Rate(limits.new_account_burst, limits.new_account_per_second),
        "strangers": Rate(limits.strangers_burst, limits.strangers_per_second),
        "accounts": Rate(limits.accounts_burst, limits.accounts_per_second),
        "newOrder": Rate(limits.new_order_burst, limits.new_order_per_second),
    }
    return {"login": Rate(burst=200, per_second=20)} | {
        name: rate for name, rate in configured.items() if rate.burst
    }


DEFAULT_RATES = rates_of(LimitsConfig())
_MOST_BUCKETS = 50_000


class RateLimiter:
    """One bucket for each name and each /24 or /64 that asks."""

    def __init__(
        self, clock: Clock, rates: Mapping[str, Rate] = DEFAULT_RATES, *, most_buckets: int = _MOST_BUCKETS
    ) -> None:
        self._clock = clock
        self._rates = rates
        self._most = most_buckets
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, name: str, address: str) -> None:
        """Take one token. Raises RateLimitedError with the time until there is another."""
        rate = self._rates.get(name)
        if rate is None:
            return
        key = (name, prefix_of(address))
        now = self._clock.monotonic()
        tokens, since = self._buckets.pop(key, (float(rate.burst), now))
        tokens = min(float(rate.burst), tokens + (now - since) * rate.per_second)
        if tokens < 1:
            self._keep(key, tokens, now)
            wait = math.ceil((1 - tokens) / rate.per_second)
            raise RateLimitedError(
                "Too many requests from your network; wait as long as Retry-After says.",
                retry_after=timedelta(seconds=wait),
            )
        self._keep(key, tokens - 1, now)

    def _keep(self, key: tuple[str, str], tokens: float, now: float) -> None:
        self._buckets[key] = (tokens, now)
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)


@lru_cache(maxsize=4096)
def prefix_of(address: str) -> str:
    """Return the /24 or /64 of an address; what is not an address stands for itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    length = 64 if isinstance(parsed, IPv6Address) else 24
    return str(ip_network(f"{parsed}/{length}", strict=False))
