"""What a job is, and when it runs again after it failed."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.kernel.randomness import Randomness

#: After this many failures (about a day of trying) a job is dead: kept and shown, never run again by itself.
LAST_ATTEMPT = 30
_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(hours=1)


class Job(Struct, frozen=True):
    """A claimed job. `attempts` counts this one; `requested` how often it was asked for before the claim."""

    id: str
    kind: str
    payload: bytes
    attempts: int
    requested: int


class JobRun:
    """One run of a job, as its handler sees it.

    A handler may finish the job in the transaction that records what came of it (`gate.port.Once` is such a
    way); one that returns without having done so has its job finished behind it.
    """

    def __init__(self, payload: bytes, finish: Callable[[Transaction], None]) -> None:
        self.payload = payload
        self.is_finished = False
        self._finish = finish

    def use(self, transaction: Transaction) -> None:
        """Finish the job with this transaction; if that fails, the job stands as before."""
        self._finish(transaction)

    def was_used(self) -> None:
        """Take note that such a transaction was committed."""
        self.is_finished = True


JobHandler: TypeAlias = Callable[[JobRun], Awaitable[None]]


class DeadJob(Struct, frozen=True):
    """A job that failed too often. `last_error` is the kind of its last error, never a message."""

    id: str
    kind: str
    attempts: int
    died_at: datetime
    last_error: str


class TimedTask(Protocol):
    """Work that runs `every` so often in one process at a time."""

    @property
    def name(self) -> str:
        """Return the name under which it stands in the log."""

    @property
    def every(self) -> timedelta:
        """Return the pause from one start to the next."""

    @property
    def run(self) -> Callable[[], Awaitable[None]]:
        """Return what is to be done."""


TimedTasks: TypeAlias = Sequence[TimedTask]


def pause_after(attempts: int, randomness: Randomness) -> timedelta:
    """Return how long to wait after the given number of failures.

    It doubles up to an hour; half of it is random, so that what failed together does not come back together.
    """
    doublings = min(attempts - 1, 20)
    longest = min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
    fraction = int.from_bytes(randomness.token_bytes(4), "big") / 2**32
    return longest / 2 + longest / 2 * fraction
