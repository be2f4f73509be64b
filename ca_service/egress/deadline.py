"""How long something outside may take: as a whole, and each part of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ca_service.egress.errors import ConnectionFailedError

#: How much of the whole one part may take: a dial, the headers, a body, a handshake.
_SHARE_OF_A_PART = 0.5


class Deadline:
    """The end of one validation. `whole` is its length in seconds, `part` what any one step may take."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self.whole = seconds
        self.part = seconds * _SHARE_OF_A_PART
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def seconds_left(self) -> float:
        """Return the seconds until the end, never zero."""
        return max(self._end - self._monotonic(), 0.001)

    def for_one_of(self, number: int) -> float:
        """Return how long one of `number` attempts that follow one another may take."""
        return min(self.part, self.seconds_left() / number)


@asynccontextmanager
async def within(seconds: float, sentence: str) -> AsyncIterator[asyncio.Timeout]:
    """Bound what is done inside. Raises ConnectionFailedError with the sentence."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError:
        raise ConnectionFailedError(sentence) from None
