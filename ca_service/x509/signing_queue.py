"""A bounded queue in front of a signature that strangers can ask for (S20)."""

import asyncio

from ca_service.custody.signers import Signer

_AT_ONCE = 2
_MOST_WAITING = 256


class SigningQueue:
    """Signs for whoever waits, a few at a time, so that a flood of requests leaves the rest of us alive."""

    def __init__(self, *, at_once: int = _AT_ONCE, most_waiting: int = _MOST_WAITING) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._waiting = 0

    async def sign(self, signer: Signer, data: bytes) -> bytes | None:
        """Return the signature, or None at once if too many are waiting."""
        if self._waiting >= self._most_waiting:
            return None
        self._waiting += 1
        try:
            async with self._turns:
                if signer.is_slow:
                    return await asyncio.to_thread(signer.sign, data)
                signature = signer.sign(data)
                # The turn ends with the event loop's, which serves others before the next signature.
                await asyncio.sleep(0)
                return signature
        finally:
            self._waiting -= 1
