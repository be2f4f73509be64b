"""Puts an operation's questions to the policy and turns a refusal into an audited error."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Never

import msgspec

from ca_service.audit.entries import AuditOutcome
from ca_service.audit.trail import AuditTrail
from ca_service.database.port import Database
from ca_service.gate.entries import denied_details, entry_of
from ca_service.gate.errors import CeilingError, UndecidedOperationError
from ca_service.gate.operation import ProjectOperation
from ca_service.gate.operation_digest import OperationDigest
from ca_service.gate.port import Approvals
from ca_service.gate.question import Question, Ruling
from ca_service.kernel.errors import ForbiddenError, KeywrightError, NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.values import Access, Decision, Grant, Principal


class Judge:
    """Asks the policy engine and, where a permit says so, for approvals."""

    def __init__(
        self,
        policy: PolicyEngine,
        audit: AuditTrail,
        database: Database,
        approvals: Approvals | None,
        digest: OperationDigest,
    ) -> None:
        self._policy = policy
        self._audit = audit
        self._database = database
        self._approvals = approvals
        self._digest = digest

    async def decide(self, principals: Sequence[Principal], question: Question) -> Ruling:
        """Return the ruling if every access is permitted to each of the principals.

        Between the decisions the strictest obligations count (S1). The first principal is the caller, the
        others those on whose behalf it acts (S2). A refusal is in the trail, or in a flood counted for it
        (S8), before it is raised:
        NotFoundError where the principal may not even see the thing, CeilingError where only the lifetime is
        too long, ForbiddenError otherwise.
        """
        _verify_asked(question)
        decisions: list[Decision] = []
        strictest: Decision | None = None
        for principal in principals:
            for access in question.accesses:
                decision = await self._policy.decide(principal, access)
                if not decision.allowed:
                    await self._refuse(principal, question, access, decision)
                decisions.append(decision)
                approvals = decision.obligations.approvals
                if approvals and (strictest is None or approvals > strictest.obligations.approvals):
                    strictest = decision
        if strictest is not None:
            await self._count_approvals(question, strictest)
        return _ruling(decisions)

    async def permits(self, principal: Principal, access: Access) -> bool:
        """Tell whether this is permitted without more ado; if not, `decide` refuses it or asks for more."""
        decision = await self._policy.decide(principal, access)
        return decision.allowed and not decision.obligations.approvals

    async def may_permit(self, principal: Principal, action: str, tenant: Tenant) -> bool:
        """Tell whether the principal may do this to anything at all in its own project."""
        return await self._policy.reaches(principal, action, tenant)

    async def _refuse(
        self, principal: Principal, question: Question, access: Access, decision: Decision
    ) -> Never:
        error: KeywrightError | None = await self._ceiling_error(principal, access)
        if error is None and not await self._can_see(principal, access):
            error = NotFoundError(access.resource.noun)
        if error is None:
            error = ForbiddenError(
                f"{decision.reason} Ask who administers this project for the right to {access.action}.",
                decision_id=decision.id,
                field=access.field,
                rule="policy",
            )
        sentence = error.detail if isinstance(error, CeilingError) else decision.reason
        await self._deny(question, access, f"{decision.id} {sentence}", error, principal)

    async def _ceiling_error(self, principal: Principal, access: Access) -> CeilingError | None:
        """Return the error that names the ceiling if the asked lifetime alone is what the policy refuses."""
        if access.ttl is None:
            return None
        unlimited = msgspec.structs.replace(access, ttl=None)
        decision = await self._policy.decide(principal, unlimited)
        ceiling = decision.obligations.max_ttl
        if not decision.allowed or ceiling is None or access.ttl <= ceiling:
            return None
        return CeilingError(
            f"The policy permits at most {_in_seconds(ceiling)} here, and {_in_seconds(access.ttl)} were "
            "asked for. Ask for less, or leave `ttl` out.",
            field="ttl",
            rule="policy-max-ttl",
        )

    async def _can_see(self, principal: Principal, access: Access) -> bool:
        if access.visible_by == access.action:
            return False
        seeing = Access(access.visible_by, access.resource, access.visible_by)
        return (await self._policy.decide(principal, seeing)).allowed

    async def _count_approvals(self, question: Question, decision: Decision) -> None:
        needed, given = decision.obligations.approvals, 0
        if self._approvals is not None:
            digest = self._digest.of(question.operation)
            given = await self._approvals.count(question.call, digest, decision.generation)
        if given >= needed:
            return
        missing = needed - given
        error = ForbiddenError(
            f"This needs {needed} approvals and {missing} of them are missing. Ask for approval of exactly "
            "this request, then send it again.",
            decision_id=decision.id,
            rule="approvals",
        )
        await self._deny(question, question.accesses[0], f"{decision.id} {error.detail}", error)

    async def _deny(
        self,
        question: Question,
        access: Access,
        reason: str,
        error: KeywrightError,
        principal: Principal | None = None,
    ) -> Never:
        details = denied_details(question, access, principal)
        entry = entry_of(question, self._database.now(), AuditOutcome.DENIED, reason, details)
        await self._audit.deny(entry, kind=error.slug)
        raise error


def _verify_asked(question: Question) -> None:
    if not question.accesses:
        raise UndecidedOperationError(f"{type(question.operation).__name__} asked the policy nothing")
    tenant = question.call.tenant
    if tenant is None or not isinstance(question.operation, ProjectOperation):
        return
    for access in question.accesses:
        if access.resource.tenant is not None and access.resource.tenant != tenant:
            raise UndecidedOperationError(
                f"{type(question.operation).__name__} asked about a {access.resource.noun} of another project"
            )


def _ruling(decisions: list[Decision]) -> Ruling:
    first = decisions[0]
    ceiling, generation = first.obligations.max_ttl, first.generation
    for decision in decisions[1:]:
        limit = decision.obligations.max_ttl
        if limit is not None and (ceiling is None or limit < ceiling):
            ceiling = limit
        generation = min(generation, decision.generation)
    grant = Grant(tuple([decision.id for decision in decisions]), generation, ceiling)
    return Ruling(grant, f"{first.id} {first.reason}")


def _in_seconds(ttl: timedelta) -> str:
    return f"{ttl // timedelta(seconds=1)} s"
