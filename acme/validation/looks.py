"""The looks at challenges that this process has taken on: what each starts from, and who awaits its end.

Nothing here is relied on: a look that knows nothing reads it, and who is told nothing asks again.
"""

import asyncio

from msgspec import Struct

from acme.challenges import Challenge, Validation
from ca_service.kernel.tenancy import Tenant


class _Look(Struct):
    start: Validation | None
    end: asyncio.Future[Challenge]


class Looks:
    """Looks from the commit that asked for them until they are over; no more than jobs that run here."""

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}

    def begin(self, validation: Validation) -> None:
        """Take note of a look that a job of this process is about to take."""
        end = asyncio.get_running_loop().create_future()
        self._looks[validation.challenge.id] = _Look(validation, end)

    def start_of(self, tenant: Tenant, challenge: str) -> Validation | None:
        """Return what was committed when the look was asked for; once, since after that it may be old."""
        look = self._looks.get(challenge)
        if look is None or look.start is None or look.start.challenge.tenant != tenant:
            return None
        found, look.start = look.start, None
        return found

    def tell(self, challenge: Challenge) -> None:
        """Tell who waits what came of a look; to be called once that is durable."""
        look = self._looks.get(challenge.id)
        if look is not None and not look.end.done():
            look.end.set_result(challenge)

    def end(self, challenge: str) -> None:
        """Forget a look that is over; who waits still is told nothing."""
        look = self._looks.pop(challenge, None)
        if look is not None:
            look.end.cancel()

    async def outcome(self, challenge: str, seconds: float) -> Challenge | None:
        """Wait for a look that is under way here, and return the challenge as it is then.

        None at once if there is none, or after so many seconds.
        """
        look = self._looks.get(challenge)
        if look is None:
            return None
        await asyncio.wait([look.end], timeout=seconds)
        return look.end.result() if look.end.done() and not look.end.cancelled() else None
