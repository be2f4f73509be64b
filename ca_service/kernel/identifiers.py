"""Identifiers: opaque, unguessable, sorted by birth, with a prefix that says of what."""

from typing import Protocol

from ca_service.kernel.clock import Clock, to_microseconds
from ca_service.kernel.randomness import Randomness

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
#: Two characters for each ten bits: base32hex (RFC 4648 section 7) in lower case.
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_SHIFTS = range(120, -1, -10)


class Identifiers(Protocol):
    """Makes new identifiers."""

    def new(self, prefix: str) -> str:
        """Return `prefix`, an underscore and 26 characters of `[0-9a-v]` that were never returned before."""


class RandomIdentifiers:
    """Identifiers of 48 bits of time (so that indexes grow at their end) and 80 random bits."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness

    def new(self, prefix: str) -> str:
        milliseconds = to_microseconds(self._clock.now()) // 1000
        number = milliseconds << 80 | int.from_bytes(self._randomness.token_bytes(10), "big")
        # 128 bits in 26 characters leave two bits, which are zero.
        padded = number << 2
        return f"{prefix}_{''.join([_PAIRS[padded >> shift & 1023] for shift in _SHIFTS])}"
