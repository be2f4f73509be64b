"""The small port that both engines fill: `read`, `scan`, `append`, `begin`.

Rows are plain tuples in the order of the statement's columns; the `storage.py` of each package turns them
into values. Times are microseconds since 1970 in UTC, ids are text, JSON is bytes.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from ca_service.database.statement import Statement

Value: TypeAlias = str | int | bytes | list[str] | list[int] | None
Row: TypeAlias = tuple[Any, ...]
Dialect: TypeAlias = Literal["sqlite", "postgresql"]
T = TypeVar("T")


class Transaction(Protocol):
    """One transaction, open until the work it was handed to returns.

    A unit of work awaits nothing but its transaction: no network, no thread, no sleep. A statement that
    breaks a unique constraint raises `UniqueViolationError`, one that leaves a reference to nothing
    `StillReferredToError`; after that the unit of work must end.
    """

    @property
    def now(self) -> datetime:
        """Return the engine's time, fixed for the whole transaction."""

    async def execute(self, statement: Statement, /, **parameters: Value) -> int:
        """Run a statement and return how many rows it changed."""

    def send(self, statement: Statement, /, **parameters: Value) -> None:
        """Run a statement whose outcome nobody needs to know: it travels with the next one, or the commit.

        If it fails, that is raised here, by the next statement or by the commit; nothing remains either way.
        """

    def require(
        self, statement: Statement, otherwise: Callable[[], Exception], /, **parameters: Value
    ) -> None:
        """Run a statement that must find or change a row, and go on without its answer.

        If it does not, nothing remains and `otherwise()` is raised: here, by a later statement or by `begin`.
        """

    async def fetch_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        """Run a statement (also `… RETURNING`) and return its first row, if any."""

    async def fetch_all(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        """Run a statement and return all its rows."""

    def on_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once the transaction is durable; never if it is not. `action` must not raise."""

    def announce(self) -> None:
        """Tell all other processes, at the commit, that cached facts may have changed (S14)."""


class Database(Protocol):
    """A database engine. Every method raises `UnavailableError` when the database cannot answer."""

    @property
    def dialect(self) -> Dialect:
        """Return the engine's name."""

    @property
    def waits(self) -> int:
        """Return how often somebody waited for the database; what is sent together is one wait for each."""

    def now(self) -> datetime:
        """Return the engine's time: the one clock of every decision (S23)."""

    def clock_reading(self) -> datetime:
        """Return what the clocks say, though it may be before a time that was given out already."""

    def clock_doubt(self) -> str | None:
        """Return in a sentence why nothing may be issued, expired or published now; None: it may (S23)."""

    def expiry_doubt(self) -> str | None:
        """Return why nothing may be expired now: the same, or a jump of the clock forward."""

    async def accept_clock(self, transaction: Transaction) -> datetime:
        """Believe the clocks as they are, in every process from this commit on; return what they say."""

    def change_hint(self) -> int | None:
        """Return a number that differs once any process announced a change; None: cannot tell, so read."""

    async def read_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        """Return the first row of a read that an index answers."""

    async def read(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        """Return all rows of a read that an index answers and that are few."""

    async def scan(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        """Return all rows of a read that may take long; it never stalls the event loop."""

    async def append(self, statement: Statement, /, **parameters: Value) -> bool:
        """Insert one row and return once it is durable; rows of concurrent callers share one commit.

        Tells whether the row was inserted: a statement may make that depend on what it finds.
        """

    async def begin(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction and return its answer once that is durable.

        If `work` raises, nothing it did remains and the error is raised here. The work runs in a task of its
        own: a caller that is cancelled stops waiting, the transaction still ends one way or the other.
        """

    async def close(self) -> None:
        """Wait for running transactions and let go of all connections."""
