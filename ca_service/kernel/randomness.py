"""Randomness as a port: unpredictable bytes in production, repeatable ones in tests."""

import os
from typing import Protocol


class Randomness(Protocol):
    """A source of unpredictable bytes."""

    def token_bytes(self, size: int) -> bytes:
        """Return `size` random bytes."""


class SystemRandomness:
    """The operating system's generator."""

    def token_bytes(self, size: int) -> bytes:
        return os.urandom(size)
