"""The engine's time: the process clock, moved by what the server says, never going backwards (S23)."""

from datetime import UTC, datetime, timedelta

from ca_service.kernel.clock import Clock, from_microseconds

#: So far behind a time that was given out already, a clock is wrong and not merely slewed.
MOST_BEHIND = timedelta(seconds=60)
#: So far process and server may differ.
MOST_APART = timedelta(seconds=5)
#: A jump forward further than this may have ended what is still wanted.
MOST_AHEAD = timedelta(minutes=10)
#: What a database keeps that never kept anything.
NOTHING_KEPT: tuple[int, int | None] = (0, None)
_REMEDY = "Set the clock right, or say `keywright clock accept` if it is right now."


class EngineClock:
    """One clock for every decision of one database."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = timedelta(0)
        self._accepted_offset = timedelta(0)
        self._highest = datetime.min.replace(tzinfo=UTC)
        self._began = (clock.now(), clock.monotonic())
        self._is_apart = False
        self._has_looked = False
        #: The last acceptance this process knows of, in microseconds.
        self._accepted_at: int | None = None

    @property
    def offset(self) -> timedelta:
        """Return how far the server is ahead of this process."""
        return self._offset

    @property
    def highest(self) -> datetime:
        """Return the highest time that was given out."""
        return self._highest

    def now(self) -> datetime:
        """Return the time; it stands still while the clock below it catches up."""
        moment = self.reading()
        if moment < self._highest:
            return self._highest
        if not self._is_apart:
            self._highest = moment
        return moment

    def reading(self) -> datetime:
        """Return what the clocks say, be it before a time that was given out already."""
        return self._clock.now() + self._offset

    def follow(self, server_time: datetime) -> None:
        """Take over the time that the server says it is."""
        self._offset = server_time - self._clock.now()
        self._is_apart = abs(self._offset - self._accepted_offset) > MOST_APART

    def raise_to(self, moment: datetime) -> None:
        """Make sure that `now` is never before `moment`."""
        self._highest = max(self._highest, moment)

    def accept(self, accepted_at: int | None) -> None:
        """Believe the clocks as they are now, whatever was given out before."""
        self._highest = self.reading()
        self._accepted_offset, self._is_apart = self._offset, False
        self._began = (self._clock.now(), self._clock.monotonic())
        self._accepted_at = accepted_at

    def follow_kept(self, highest: int, accepted_at: int | None) -> bool:
        """Take over what the database keeps: the highest time, and when time was accepted last.

        True: it was accepted since this process last looked, so that what is kept as highest may be too high.
        """
        is_news = self._has_looked and accepted_at != self._accepted_at
        self._has_looked = True
        if is_news:
            self.accept(accepted_at)
            return True
        self._accepted_at = accepted_at
        self.raise_to(from_microseconds(highest))
        return False

    def doubt(self) -> str | None:
        """Return why nothing may be issued, expired or published now; None: nothing is wrong."""
        behind = self._highest - self.reading()
        if behind > MOST_BEHIND:
            late = _seconds(behind)
            return f"The clock is {late} s behind a time that was signed or recorded already. {_REMEDY}"
        if self._is_apart:
            return (
                f"The clocks of this process and of PostgreSQL differ by {_seconds(abs(self._offset))} s. "
                f"{_REMEDY}"
            )
        return None

    def doubt_of_expiry(self) -> str | None:
        """Return why nothing may be expired by this clock now: `doubt`, or a jump forward."""
        began, monotonic = self._began
        passed = timedelta(seconds=self._clock.monotonic() - monotonic)
        ahead = self._clock.now() - began - passed
        if ahead > MOST_AHEAD:
            return f"The clock went forward by {_seconds(ahead)} s at once. {_REMEDY}"
        return self.doubt()


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
