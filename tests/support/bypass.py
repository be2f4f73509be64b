"""The bypass suite: what must hold for every operation there is, whatever its handler does.

A `Sample` is an operation that succeeds on the bench's stage. Each check is given a bench whose policy, trail
and database can be broken, breaks one thing, and looks at what was left behind. `snapshot` returns everything
the database holds. There is a bench over fakes (`gate_samples`) and one over the whole service (`instance`).
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.handler import ExternalHandler, Handler, Reader, Revealer
from ca_service.gate.operation import Operation
from ca_service.gate.performance import AnyHandler
from ca_service.gate.port import RequestContext
from ca_service.kernel.errors import KeywrightError, UnavailableError

T = TypeVar("T")
REQUEST = RequestContext("req_bypass")


class CrashedError(BaseException):
    """The process dies here: nothing may catch this but the transaction."""


class Sample(Struct, frozen=True):
    """One operation that succeeds, and who performs it. `name` is shown by pytest."""

    name: str
    operation: Operation[Any]
    caller: Caller


class BreakablePolicy(Protocol):
    """A policy that refuses some principals, and whose generation can move under an operation."""

    denied_principals: set[str]
    stale_confirmations: int
    on_stale: Callable[[], None]


class BreakableTrail(Protocol):
    """A trail that can stop writing, and tells the outcomes of the entries that became durable."""

    is_broken: bool

    def outcomes(self) -> list[str]:
        """Return the outcomes in their order."""


class CommittingDatabase(Protocol):
    """A database whose commits can fail."""

    commits_fail: bool


class Bench(Struct):
    """A gate with its parts, made for one sample.

    `perform` goes through the gate; `handlers` are its registry, so that acts can be watched; `database` is
    the one that the gate writes to, and can be broken.
    """

    perform: Callable[[Caller, Operation[Any], RequestContext], Awaitable[Any]]
    handlers: dict[type[Operation[Any]], AnyHandler]
    policy: BreakablePolicy
    trail: BreakableTrail
    database: CommittingDatabase
    snapshot: Callable[[], Awaitable[object]]


class BreakableDatabase:
    """A database whose commits fail on demand; everything else is the real one's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.commits_fail = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def begin(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def failing(transaction: Transaction) -> T:
            answer = await work(transaction)
            if self.commits_fail:
                raise UnavailableError("The commit failed.")
            return answer

        return await self._database.begin(failing)


async def check_denied_caller(bench: Bench, sample: Sample) -> None:
    """A caller who may do nothing changes nothing, signs nothing, and stands in the trail."""
    acts = watch(bench, sample)
    before = await bench.snapshot()
    bench.policy.denied_principals = {sample.caller.id}
    answer, error = await attempt(bench, sample)
    assert answer is None, f"{sample.name} answered a caller who may do nothing"
    assert isinstance(error, KeywrightError)
    assert not set(acts) - {"prepare"}, f"{sample.name} did {acts} for a caller who may do nothing"
    assert await bench.snapshot() == before
    assert bench.trail.outcomes() == ["denied"]


async def check_broken_trail(bench: Bench, sample: Sample) -> None:
    """What cannot be audited is not answered and leaves nothing behind."""
    before = await bench.snapshot()
    bench.trail.is_broken = True
    answer, error = await attempt(bench, sample)
    assert (answer, isinstance(error, UnavailableError)) == (None, True)
    if not _is_external(bench, sample):
        assert await bench.snapshot() == before


async def check_failed_commit(bench: Bench, sample: Sample) -> None:
    """What is not durable is not answered, and no entry says that it was done."""
    before = await bench.snapshot()
    bench.database.commits_fail = True
    answer, error = await attempt(bench, sample)
    if isinstance(bench.handlers[type(sample.operation)], Reader):
        return
    assert (answer, isinstance(error, UnavailableError)) == (None, True)
    assert "done" not in bench.trail.outcomes()
    if not _is_external(bench, sample):
        assert await bench.snapshot() == before


async def check_crash_after(bench: Bench, sample: Sample, act: str) -> None:
    """A process that dies after an act has released nothing and left nothing but an intent."""
    handler = bench.handlers[type(sample.operation)]
    if not hasattr(handler, act):
        return
    original = getattr(handler, act)

    async def crash(*arguments: Any) -> Any:
        await original(*arguments)
        raise CrashedError

    setattr(handler, act, crash)
    before = await bench.snapshot()
    answer, error = await attempt(bench, sample)
    assert (answer, isinstance(error, CrashedError)) == (None, True)
    assert "done" not in bench.trail.outcomes()
    if not _is_external(bench, sample):
        assert await bench.snapshot() == before


async def check_right_removed_meanwhile(bench: Bench, sample: Sample) -> None:
    """A right that is removed after the decision is gone at the commit; what only reads may just be read."""
    if isinstance(bench.handlers[type(sample.operation)], Reader):
        return
    before = await bench.snapshot()
    bench.policy.stale_confirmations = 1
    bench.policy.on_stale = lambda: bench.policy.denied_principals.add(sample.caller.id)
    answer, error = await attempt(bench, sample)
    assert answer is None, f"{sample.name} was done with a right that was removed before its commit"
    assert isinstance(error, KeywrightError)
    assert await bench.snapshot() == before
    assert bench.trail.outcomes() == ["denied"]


async def check_success(bench: Bench, sample: Sample) -> None:
    """The sample succeeds when nothing is broken: otherwise the other checks prove nothing."""
    _, error = await attempt(bench, sample)
    assert error is None, f"{sample.name} does not succeed by itself: {error!r}"
    assert bench.trail.outcomes()[-1] == "done"


async def attempt(bench: Bench, sample: Sample) -> tuple[Any, BaseException | None]:
    """Perform the sample; return its outcome, or the error it ended with."""
    try:
        return await bench.perform(sample.caller, sample.operation, REQUEST), None
    except (Exception, CrashedError) as error:
        return None, error


def watch(bench: Bench, sample: Sample) -> list[str]:
    """Return a list that grows by the name of each act the sample's handler is asked for."""
    handler = bench.handlers[type(sample.operation)]
    seen: list[str] = []
    for act in acts_of(handler):
        setattr(handler, act, _noting(getattr(handler, act), act, seen))
    return seen


def acts_of(handler: AnyHandler) -> tuple[str, ...]:
    """Return the acts a handler has, in their order."""
    if isinstance(handler, Revealer):
        return ("prepare", "reveal")
    if isinstance(handler, Reader):
        return ("prepare",)
    if isinstance(handler, Handler):
        return ("prepare", "sign", "record")
    return ("prepare", "intend", "effect", "record")


def _noting(act: Callable[..., Awaitable[Any]], name: str, seen: list[str]) -> Callable[..., Awaitable[Any]]:
    async def noting(*arguments: Any) -> Any:
        seen.append(name)
        return await act(*arguments)

    return noting


def _is_external(bench: Bench, sample: Sample) -> bool:
    return isinstance(bench.handlers[type(sample.operation)], ExternalHandler)
