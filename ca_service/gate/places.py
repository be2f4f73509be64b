"""Where an operation happens: its project or organization, found only for callers who may see it (S12)."""

from functools import lru_cache

from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.handler import Call
from ca_service.gate.judge import Judge
from ca_service.gate.operation import Operation, OrganizationOperation, ProjectOperation
from ca_service.gate.performance import Performance
from ca_service.gate.port import Tenants
from ca_service.gate.question import Question
from ca_service.kernel.tenancy import OrganizationId, Tenant
from ca_service.policy.values import Access, Entity, Resource

_SEE_PROJECT = "governance:read-project"
_SEE_ORGANIZATION = "governance:read-organization"
_AT_HOME_EVERYWHERE = frozenset({CallerKind.ACME_ACCOUNT, CallerKind.SSH_HOST, CallerKind.SYSTEM})


class Places:
    """Resolves the names of projects and organizations in operations."""

    def __init__(self, tenants: Tenants, judge: Judge) -> None:
        self._tenants = tenants
        self._judge = judge

    async def tenant(
        self, operation: Operation[object], caller: Caller, parent: Call | None = None
    ) -> Tenant | None:
        """Return the tenant of an operation inside a project. Raises NotFoundError("project").

        What a job takes away at its own place it takes away even after the project was deleted (S15).
        """
        if not isinstance(operation, ProjectOperation):
            return None
        if caller.kind is CallerKind.SYSTEM and operation.takes_away and caller.project == operation.project:
            assert caller.organization is not None, "a job in a project is in its organization"
            return Tenant(caller.organization, caller.project)
        if parent is not None and parent.tenant is not None and parent.tenant.project == operation.project:
            return parent.tenant
        return await self._tenants.project(operation.project)

    async def organization(self, operation: Operation[object]) -> OrganizationId | None:
        """Return the organization an operation is about. Raises NotFoundError("organization")."""
        if not isinstance(operation, OrganizationOperation):
            return None
        return await self._tenants.organization(operation.organization)

    async def verify_visible(
        self,
        performance: Performance,
        call: Call,
        operation: Operation[object],
        organization: OrganizationId | None,
    ) -> None:
        """Raise the 404 of an absent place if the caller may not see this one, once that is in the trail.

        Who lives in a project need not see it to do what some policy lets it do there; without any such
        policy it is told nothing of what is in it.
        """
        if call.tenant is not None:
            if await self._is_at_home(performance, operation, call.tenant):
                return
            access = _seeing_project(call.tenant)
        elif organization is not None:
            access = _seeing_organization(organization)
        else:
            return
        if not await self._judge.permits(performance.principal, access):
            question = Question(call, operation, (access,), organization=organization)
            await self._judge.decide((performance.principal,), question)

    async def _is_at_home(
        self, performance: Performance, operation: Operation[object], tenant: Tenant
    ) -> bool:
        caller = performance.caller
        if tenant.project != caller.project:
            return False
        # What ACME accounts, hosts and jobs ask in their project is for their doors and handlers to choose.
        if caller.kind in _AT_HOME_EVERYWHERE:
            return True
        return await self._judge.may_permit(performance.principal, operation.action, tenant)


@lru_cache(maxsize=1024)
def _seeing_project(tenant: Tenant) -> Access:
    place = Resource(Entity("Project", tenant.project), "project", tenant)
    return Access(_SEE_PROJECT, place, _SEE_PROJECT)


@lru_cache(maxsize=1024)
def _seeing_organization(organization: OrganizationId) -> Access:
    place = Resource(Entity("Organization", organization), "organization", None)
    return Access(_SEE_ORGANIZATION, place, _SEE_ORGANIZATION)
