"""The engine's time: the process clock, moved by what the server says, never going backwards (S23)."""

from datetime import UTC, datetime, timedelta

from ca_service.kernel.clock import Clock


class EngineClock:
    """One clock for every decision of one database."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = timedelta(0)
        self._highest = datetime.min.replace(tzinfo=UTC)

    @property
    def offset(self) -> timedelta:
        """Return how far the server is ahead of this process."""
        return self._offset

    def now(self) -> datetime:
        """Return the time; it stands still while the clock below it catches up."""
        moment = self._clock.now() + self._offset
        if moment < self._highest:
            return self._highest
        self._highest = moment
        return moment

    def follow(self, server_time: datetime) -> None:
        """Take over the time that the server says it is."""
        self._offset = server_time - self._clock.now()

    def raise_to(self, moment: datetime) -> None:
        """Make sure that `now` is never before `moment`."""
        self._highest = max(self._highest, moment)
