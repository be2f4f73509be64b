"""Wrappers around real parts, each over its port, that break one thing when a test says so.

They are switches of a bench for `tests/support/bypass.py`; whatever is not switched is the real part's doing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from ca_service.audit.denials import DENIALS, Allowance
from ca_service.audit.entries import AuditEntry
from ca_service.audit.trail import AuditTrail
from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import Statement
from ca_service.gate.handler import Call, ExternalHandler, Handler, Prepared, Reader, Revealer
from ca_service.gate.operation import Operation
from ca_service.gate.performance import AnyHandler
from ca_service.kernel.errors import UnavailableError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.values import Access, Decision, Grant, Principal
from tests.support.bypass import CrashedError

T = TypeVar("T")


class FailedCommitError(UnavailableError):
    """Everything up to the commit went well, its line of the trail included; then the commit failed."""


class _LostConnectionError(Exception):
    """What the engine notices of a process that died in the middle of a transaction."""


class WatchedTrail:
    """The trail, which can stop writing; `entries` are those that became durable."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail
        self.mend()

    def mend(self) -> None:
        """Write again, and forget the entries."""
        self.is_broken = False
        self.entries: list[AuditEntry] = []
        #: The transaction in which an entry was written last.
        self.written_in: Transaction | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trail, name)

    async def record(self, transaction: Transaction, entry: AuditEntry) -> None:
        self._refuse_if_broken()
        await self._trail.record(transaction, entry)
        self.written_in = transaction
        transaction.on_commit(lambda: self.entries.append(entry))

    async def append(self, entry: AuditEntry) -> None:
        self._refuse_if_broken()
        await self._trail.append(entry)
        self.entries.append(entry)

    async def append_where(self, statement: Statement, entry: AuditEntry, **facts: Value) -> bool:
        self._refuse_if_broken()
        was_written = await self._trail.append_where(statement, entry, **facts)
        if was_written:
            self.entries.append(entry)
        return was_written

    async def deny(self, entry: AuditEntry, allowance: Allowance = DENIALS, kind: str = "") -> None:
        self._refuse_if_broken()
        await self._trail.deny(entry, allowance, kind)
        self.entries.append(entry)

    def outcomes(self) -> list[str]:
        """Return the outcomes of the durable entries, in their order."""
        return [entry.outcome.value for entry in self.entries]

    def _refuse_if_broken(self) -> None:
        if self.is_broken:
            raise UnavailableError("The trail cannot be written.")


class BreakableDatabase:
    """The database, whose commits of audited transactions can fail."""

    def __init__(self, database: Database, trail: WatchedTrail) -> None:
        self._database = database
        self._trail = trail
        self.commits_fail = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def begin(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def failing(transaction: Transaction) -> T:
            try:
                answer = await work(transaction)
            except CrashedError as crash:
                raise _LostConnectionError from crash
            if self.commits_fail and self._trail.written_in is transaction:
                raise FailedCommitError("The commit failed.")
            return answer

        try:
            return await self._database.begin(failing)
        except _LostConnectionError as lost:
            raise CrashedError from lost


class RefusingPolicy:
    """The policy engine, which can refuse some principals everything but `still_allowed`."""

    def __init__(self, engine: PolicyEngine) -> None:
        self._engine = engine
        self.mend()

    def mend(self) -> None:
        """Decide as the engine does."""
        self.denied_principals: set[str] = set()
        self.still_allowed: frozenset[str] = frozenset()
        #: Actions that nobody may do.
        self.denied: set[str] = set()
        self.stale_confirmations = 0
        self.on_stale: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def decide(self, principal: Principal, access: Access) -> Decision:
        decision = await self._engine.decide(principal, access)
        if self._refuses(principal, access.action):
            return msgspec.structs.replace(decision, allowed=False, reason="The test refuses it.")
        return decision

    async def reaches(self, principal: Principal, action: str, tenant: Tenant) -> bool:
        reaches = await self._engine.reaches(principal, action, tenant)
        return reaches and not self._refuses(principal, action)

    def _refuses(self, principal: Principal, action: str) -> bool:
        is_denied = principal.entity.id in self.denied_principals and action not in self.still_allowed
        return is_denied or action in self.denied

    def require(self, transaction: Transaction, generation: int, otherwise: Callable[[], Exception]) -> None:
        if self.stale_confirmations:
            self.stale_confirmations -= 1
            self.on_stale()
            raise otherwise()
        self._engine.require(transaction, generation, otherwise)


class WatchedReader(Reader[Any, Any]):
    """A reader whose act can be watched: a test puts its own in front, `forget` takes it away."""

    def __init__(self, handler: Reader[Any, Any]) -> None:
        self.handler = handler

    async def prepare(self, call: Call, operation: Any) -> Prepared[Any]:
        return await self.handler.prepare(call, operation)


class WatchedRevealer(Revealer[Any, Any, Any]):
    """A revealer whose acts can be watched."""

    def __init__(self, handler: Revealer[Any, Any, Any]) -> None:
        self.handler = handler

    async def prepare(self, call: Call, operation: Any) -> Prepared[Any]:
        return await self.handler.prepare(call, operation)

    async def reveal(self, call: Call, draft: Any) -> Any:
        return await self.handler.reveal(call, draft)

    def details(self, answer: Any) -> Mapping[str, Any]:
        return self.handler.details(answer)


class WatchedHandler(Handler[Any, Any, Any, Any]):
    """A handler whose acts can be watched."""

    def __init__(self, handler: Handler[Any, Any, Any, Any]) -> None:
        self.handler = handler

    async def prepare(self, call: Call, operation: Any) -> Prepared[Any]:
        return await self.handler.prepare(call, operation)

    async def sign(self, call: Call, draft: Any, grant: Grant) -> Any:
        return await self.handler.sign(call, draft, grant)

    async def record(self, transaction: Transaction, call: Call, signed: Any) -> Any:
        return await self.handler.record(transaction, call, signed)

    def details(self, answer: Any) -> Mapping[str, Any]:
        return self.handler.details(answer)


class WatchedExternalHandler(ExternalHandler[Any, Any, Any, Any]):
    """An external handler whose acts can be watched."""

    def __init__(self, handler: ExternalHandler[Any, Any, Any, Any]) -> None:
        self.handler = handler

    async def prepare(self, call: Call, operation: Any) -> Prepared[Any]:
        return await self.handler.prepare(call, operation)

    async def intend(self, transaction: Transaction, call: Call, draft: Any) -> None:
        await self.handler.intend(transaction, call, draft)

    async def effect(self, call: Call, draft: Any, grant: Grant) -> Any:
        return await self.handler.effect(call, draft, grant)

    async def record(self, transaction: Transaction, call: Call, done: Any) -> Any:
        return await self.handler.record(transaction, call, done)

    async def settle(self, transaction: Transaction, call: Call, draft: Any) -> None:
        await self.handler.settle(transaction, call, draft)

    def details(self, answer: Any) -> Mapping[str, Any]:
        return self.handler.details(answer)


def watched(handlers: Mapping[type[Operation[Any]], AnyHandler]) -> dict[type[Operation[Any]], AnyHandler]:
    """Return the same registry with every handler behind a wrapper of its kind."""
    return {operation: _wrapper(handler) for operation, handler in handlers.items()}


def _wrapper(handler: AnyHandler) -> AnyHandler:
    if isinstance(handler, Revealer):
        return WatchedRevealer(handler)
    if isinstance(handler, Reader):
        return WatchedReader(handler)
    if isinstance(handler, Handler):
        return WatchedHandler(handler)
    return WatchedExternalHandler(handler)


def forget_watching(handlers: Mapping[type[Operation[Any]], AnyHandler]) -> None:
    """Take away what a test put in front of the acts of wrappers."""
    for wrapper in handlers.values():
        for act in ("prepare", "reveal", "sign", "intend", "effect", "record"):
            vars(wrapper).pop(act, None)
