"""A bounded queue in front of a signature that strangers can ask for (S20)."""

import asyncio
from collections import deque

from ca_service.custody.signers import Signer
from ca_service.kernel.errors import UnavailableError

_AT_ONCE = 2
_MOST_WAITING = 256


class SigningQueue:
    """Signs for whoever waits, a few at a time, so that a flood of requests leaves the rest of us alive.

    A fast key signs so often in one turn of the event loop, which serves others before the next turn; a slow
    one signs so often at once in its threads.
    """

    def __init__(self, *, at_once: int = _AT_ONCE, most_waiting: int = _MOST_WAITING) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._in_turn = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._slow_turns = asyncio.Semaphore(at_once)
        self._slow = 0

    async def sign(self, signer: Signer, data: bytes) -> bytes | None:
        """Return the signature; None if too many are waiting, or the key's store does not answer."""
        if signer.is_slow:
            return await self._sign_slowly(signer, data)
        if self._in_turn + len(self._waiting) >= self._most_waiting:
            return None
        loop = asyncio.get_running_loop()
        if self._in_turn < self._at_once:
            if not self._in_turn:
                loop.call_soon(self._begin_turn, loop)
            self._in_turn += 1
        else:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
        return signer.sign(data)

    def _begin_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._in_turn = 0
        while self._waiting and self._in_turn < self._at_once:
            turn = self._waiting.popleft()
            if not turn.done():  # who waited may have gone away
                turn.set_result(None)
                self._in_turn += 1
        if self._in_turn:
            loop.call_soon(self._begin_turn, loop)

    async def _sign_slowly(self, signer: Signer, data: bytes) -> bytes | None:
        if self._slow >= self._most_waiting:
            return None
        self._slow += 1
        try:
            async with self._slow_turns:
                return await signer.in_turn(signer.sign, data)
        except UnavailableError:
            return None
        finally:
            self._slow -= 1
