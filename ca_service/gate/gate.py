"""The gate: the one way to a handler, and the only place that knows in which order its acts run.

prepare → decide → sign → begin → record → audit → commit → answer. Nothing is signed before every access was
permitted, and nothing is answered before its record and its line of the trail are durable, in
one transaction.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.audit.trail import AuditTrail
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.entries import entry_of
from ca_service.gate.errors import (
    OrphanedOperationError,
    PolicyChangedError,
    StaleRulingError,
    TimeInDoubtError,
    UnregisteredOperationError,
)
from ca_service.gate.handler import Call, ExternalHandler, Handler, Prepared, Reader, Revealer
from ca_service.gate.idempotency import IdempotencyKeys, KeySlot
from ca_service.gate.judge import Judge
from ca_service.gate.kept_answers import KeptAnswer
from ca_service.gate.operation import Operation
from ca_service.gate.operation_digest import OperationDigest
from ca_service.gate.performance import Act, AnyHandler, Performance
from ca_service.gate.places import Places
from ca_service.gate.port import Approvals, Child, Outcome, RequestContext, Tenants
from ca_service.gate.question import Question
from ca_service.gate.storage import APPEND_WHILE_PERMITTED
from ca_service.kernel.clock import Clock
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import OrganizationId
from ca_service.policy.engine import PolicyEngine

A = TypeVar("A")
T = TypeVar("T")

#: How often an operation whose policy changed under it is decided again before it is given up.
_ATTEMPTS = 5


class Callers(Protocol):
    """Finds out what a caller may be today; filled by `identity`."""

    async def refresh(self, caller: Caller) -> Caller:
        """Return the caller with the roles it holds now. Raises UnauthenticatedError if it no longer is."""


class Gatekeeper:
    """The gate over a registry of handlers. It implements `gate.port.Gate`.

    `callers` says which roles a caller holds after rights changed under it (S14); without it such a caller is
    told to send the request again.
    """

    def __init__(
        self,
        registry: Mapping[type[Operation[Any]], AnyHandler],
        database: Database,
        policy: PolicyEngine,
        audit: AuditTrail,
        custody: Custody,
        tenants: Tenants,
        approvals: Approvals | None,
        clock: Clock,
        identifiers: Identifiers,
        *,
        callers: Callers | None = None,
    ) -> None:
        del clock  # every time the gate needs is the engine's (S23)
        self._handlers = dict(registry)
        self._database = database
        self._policy = policy
        self._audit = audit
        self._identifiers = identifiers
        self._callers = callers
        digest = OperationDigest(custody)
        self._judge = Judge(policy, audit, database, approvals, digest)
        self._places = Places(tenants, self._judge)
        self._keys = IdempotencyKeys(database, custody, identifiers, digest)
        #: How many operations callers asked for so far.
        self.operations_asked = 0
        #: Performances whose acts run now, by the id of each of their calls.
        self._running: dict[str, Performance] = {}

    def register(self, handlers: Mapping[type[Operation[Any]], AnyHandler]) -> None:
        """Add a module's handlers. Raises ValueError for an operation that has one already."""
        for operation, handler in handlers.items():
            if operation in self._handlers:
                raise ValueError(f"{operation.__name__} has two handlers")
            self._handlers[operation] = handler

    async def perform(self, caller: Caller, operation: Operation[A], request: RequestContext) -> Outcome[A]:
        """Authorize, sign, record, audit and commit, in that order; then answer."""
        self.operations_asked += 1
        handler = self._handler(operation)
        performance = Performance(caller, request.once)
        call, organization = await self._enter(performance, operation, request.request_id)
        slot: KeySlot | None = None
        if request.idempotency_key is not None and operation.idempotent:
            found = await self._keys.look_up(call, operation, request.idempotency_key)
            if isinstance(found, KeptAnswer):
                question = Question(call, operation, found.accesses, {"replays": found.made_by}, organization)
                await self._replay(performance, handler, question)
                return Outcome(found.answer, replayed=True)
            slot = found
        prepared = await handler.prepare(call, operation)
        question = Question(call, operation, prepared.accesses, prepared.details, organization)
        act = await self._decide(performance, handler, question)
        if isinstance(handler, Revealer):
            return Outcome(await self._reveal(performance, act, prepared.draft))
        if isinstance(handler, Reader):
            await self._tell(performance, act)
            return Outcome(prepared.draft)
        if slot is None:
            return Outcome(await self._change(performance, prepared, None))
        await slot.claim(await self._keys.sealer(call.tenant))
        try:
            return Outcome(await self._change(performance, prepared, slot))
        except BaseException:
            await slot.release()
            raise

    async def prepare(self, call: Call, operation: Operation[A]) -> Child[A]:
        """Decide and sign a child operation as the caller of `call`, from within its `sign` act."""
        performance = self._running.get(call.id)
        handler = self._handler(operation)
        if performance is None or performance.is_recording or not isinstance(handler, Handler):
            raise OrphanedOperationError(f"{type(operation).__name__} cannot be a child here")
        child, organization = await self._enter(performance, operation, call.request_id, call)
        prepared = await handler.prepare(child, operation)
        question = Question(child, operation, prepared.accesses, prepared.details, organization)
        act = await self._decide(performance, handler, question)
        await self._sign(performance, act, prepared)
        return Child(child, operation, act.signed, act, prepared.details)

    async def record(self, transaction: Transaction, child: Child[A]) -> A:
        """Record and audit a prepared child in its parent's transaction."""
        act = child.grant
        performance = self._running.get(child.call.id)
        if performance is None or not performance.is_recording or not isinstance(act, Act) or act.is_recorded:
            raise OrphanedOperationError(f"{type(child.operation).__name__} is recorded outside its parent")
        answer: A = await self._record_act(transaction, act)
        return answer

    async def _enter(
        self, performance: Performance, operation: Operation[Any], request_id: str, parent: Call | None = None
    ) -> tuple[Call, OrganizationId | None]:
        organization = await self._places.organization(operation)
        call = Call(
            id=self._identifiers.new("aud"),
            caller=performance.caller,
            tenant=await self._places.tenant(operation, performance.caller, parent),
            request_id=request_id,
            now=self._database.now(),
            parent=None if parent is None else parent.id,
        )
        if parent is None or parent.tenant != call.tenant:
            await self._places.verify_visible(performance, call, operation, organization)
        return call, organization

    async def _decide(self, performance: Performance, handler: AnyHandler, question: Question) -> Act:
        ruling = await self._judge.decide(performance.principals_for(question), question)
        act = Act(handler, question, ruling)
        performance.acts.append(act)
        return act

    async def _reveal(self, performance: Performance, act: Act, draft: Any) -> Any:
        """Return what a permitted revealer makes, once the trail has it; anew if anything moved meanwhile."""
        handler, call = act.handler, act.question.call
        assert isinstance(handler, Revealer)
        assert not performance.must_be_first, "no door with nonces has an operation that reveals"
        for _ in range(_ATTEMPTS):
            answer = await handler.reveal(call, draft)
            entry, generation = _done(act, self._database.now(), answer), performance.generation
            if not act.question.operation.reveals:
                await self._audit.append(entry)
                return answer
            if await self._audit.append_where(APPEND_WHILE_PERMITTED, entry, expected=generation):
                return answer
            self._policy.forget_generation()
            prepared = await handler.prepare(call, act.question.operation)
            act.ask_again(prepared)
            draft = prepared.draft
            await self._decide_again(performance)
        raise _policy_keeps_changing()

    async def _tell(self, performance: Performance, act: Act) -> None:
        """Write a read into the trail before it is answered."""
        reveals = act.question.operation.reveals
        if not performance.must_be_first:
            if reveals:
                await self._tell_while_permitted(performance, act)
            else:
                await self._audit.append(_done(act, self._database.now()))
            return

        async def record(transaction: Transaction) -> None:
            await self._audit.record(transaction, _done(act, transaction.now))

        async def work(transaction: Transaction) -> None:
            performance.use_once(transaction)
            await record(transaction)

        if reveals:
            await self._while_fresh(performance, record)
        else:
            await self._database.begin(work)
            performance.was_used()

    async def _tell_while_permitted(self, performance: Performance, act: Act) -> None:
        """Write a read that reveals into the trail while every ruling holds, else decide again (S14)."""
        for _ in range(_ATTEMPTS):
            entry, generation = _done(act, self._database.now()), performance.generation
            if await self._audit.append_where(APPEND_WHILE_PERMITTED, entry, expected=generation):
                return
            self._policy.forget_generation()
            await self._decide_again(performance)
        raise _policy_keeps_changing()

    async def _replay(self, performance: Performance, handler: AnyHandler, question: Question) -> None:
        """Permit a replay by today's policy and write it down, before the kept answer goes out again."""
        act = await self._decide(performance, handler, question)

        async def work(transaction: Transaction) -> None:
            reason = act.ruling.reason
            entry = entry_of(question, transaction.now, AuditOutcome.REPLAYED, reason, question.details)
            await self._audit.record(transaction, entry)

        await self._while_fresh(performance, work)

    async def _change(self, performance: Performance, prepared: Prepared[Any], slot: KeySlot | None) -> Any:
        act = performance.acts[0]
        self._verify_time(act)

        async def record(transaction: Transaction) -> Any:
            return await self._record_all(transaction, performance, slot)

        try:
            if isinstance(act.handler, ExternalHandler):
                await self._change_outside(performance, act.handler, prepared)
                if (
                    len(performance.acts) == 1
                ):  # what has happened outside is recorded whatever the policy says
                    return await self._database.begin(record)
            else:
                await self._sign(performance, act, prepared)
            return await self._while_fresh(performance, record)
        finally:
            for done in performance.acts:
                self._running.pop(done.question.call.id, None)

    def _verify_time(self, act: Act) -> None:
        doubt = None if act.question.operation.takes_away else self._database.clock_doubt()
        if doubt is not None:
            raise TimeInDoubtError(doubt)

    async def _sign(self, performance: Performance, act: Act, prepared: Prepared[Any]) -> None:
        assert isinstance(act.handler, Handler)
        call = act.question.call
        self._running[call.id] = performance
        act.keep_signed(await act.handler.sign(call, prepared.draft, act.ruling.grant))

    async def _change_outside(
        self, performance: Performance, handler: ExternalHandler[Any, Any, Any, Any], prepared: Prepared[Any]
    ) -> None:
        """Record the intent, then change the world; a failure of the latter is a line of the trail too."""
        act = performance.acts[0]
        call = act.question.call

        async def intend(transaction: Transaction) -> None:
            await handler.intend(transaction, call, prepared.draft)

        await self._while_fresh(performance, intend)
        self._running[call.id] = performance
        try:
            act.keep_signed(await handler.effect(call, prepared.draft, act.ruling.grant))
        except Exception as error:
            slug = error.slug if isinstance(error, KeywrightError) else KeywrightError.slug
            now, details = self._database.now(), act.question.details
            await self._audit.append(entry_of(act.question, now, AuditOutcome.FAILED, slug, details))
            raise

    async def _record_all(
        self, transaction: Transaction, performance: Performance, slot: KeySlot | None
    ) -> Any:
        performance.begin_recording()
        act = performance.acts[0]
        answer = await self._record_act(transaction, act)
        if not all(done.is_recorded for done in performance.acts):
            raise OrphanedOperationError(
                f"{type(act.question.operation).__name__} signed a child and did not record it"
            )
        if slot is not None:
            await slot.keep(transaction, act.question.accesses, answer)
        return answer

    async def _record_act(self, transaction: Transaction, act: Act) -> Any:
        assert not isinstance(act.handler, Reader)
        answer = await act.handler.record(transaction, act.question.call, act.signed)
        await self._audit.record(transaction, _done(act, transaction.now, answer))
        act.is_recorded = True
        return answer

    async def _while_fresh(self, performance: Performance, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction in which every ruling still holds, else decide again."""

        async def confirmed(transaction: Transaction) -> T:
            self._policy.require(transaction, performance.generation, StaleRulingError)
            performance.use_once(transaction)
            return await work(transaction)

        for _ in range(_ATTEMPTS):
            try:
                answer = await self._database.begin(confirmed)
            except StaleRulingError:
                await self._decide_again(performance)
            else:
                performance.was_used()
                return answer
        raise _policy_keeps_changing()

    async def _decide_again(self, performance: Performance) -> None:
        if self._callers is not None:
            performance.replace_caller(await self._callers.refresh(performance.caller))
        elif performance.rests_on_stored_rights:
            raise PolicyChangedError(
                "Your rights may have changed while this ran; nothing was done. Send the request again.",
                retry_after=timedelta(seconds=1),
            )
        for act in performance.acts:
            principals = performance.principals_for(act.question)
            act.rule_again(await self._judge.decide(principals, act.question))

    def _handler(self, operation: Operation[Any]) -> Any:
        handler = self._handlers.get(type(operation))
        if handler is None:
            raise UnregisteredOperationError(f"nothing answers {type(operation).__name__}")
        return handler


def _policy_keeps_changing() -> PolicyChangedError:
    return PolicyChangedError("The policy keeps changing; nothing was done. Send the request again.")


def _done(act: Act, at: datetime, answer: Any = None) -> AuditEntry:
    return entry_of(act.question, at, AuditOutcome.DONE, act.ruling.reason, act.details(answer))
