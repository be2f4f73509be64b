"""Serial numbers: in sequence from 1 for each authority, never 0, never twice (S6).

Sequential numbers keep revocation lists small; sshd skips certificates with the number 0 in them.
"""

import asyncio

from ca_service.database.port import Database
from ssh_ca.authorities import SshAuthority
from ssh_ca.storage.authorities import reserve_serial_numbers

#: How many numbers a process takes at once. What a stopped process has left is lost, and that is allowed.
RESERVED_AT_ONCE = 64
#: What the inventory can hold; an authority reaches it after 2^23 restores.
HIGHEST_SERIAL_NUMBER = 2**63 - 1


class SerialNumbers:
    """Hands out the numbers that this process reserved."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reserved: dict[str, list[int]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def take(self, authority: SshAuthority) -> int:
        """Return a number that no certificate of the authority ever had or will have."""
        reserved = self._reserved.setdefault(authority.id, [])
        if not reserved:
            async with self._locks.setdefault(authority.id, asyncio.Lock()):
                if not reserved:
                    reserved.extend(await self._reserve(authority))
        return reserved.pop()

    async def _reserve(self, authority: SshAuthority) -> list[int]:
        numbers = await self._database.begin(
            lambda transaction: reserve_serial_numbers(
                transaction, authority.tenant, authority.id, RESERVED_AT_ONCE
            )
        )
        return list(reversed(numbers))
