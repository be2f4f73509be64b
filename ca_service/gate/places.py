"""Where an operation happens: its project or organization, found only for callers who may see it (S12)."""

from functools import lru_cache

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


class Places:
    """Resolves the names of projects and organizations in operations."""

    def __init__(self, tenants: Tenants, judge: Judge) -> None:
        self._tenants = tenants
        self._judge = judge

    async def tenant(self, operation: Operation[object], parent: Call | None = None) -> Tenant | None:
        """Return the tenant of an operation inside a project. Raises NotFoundError("project")."""
        if not isinstance(operation, ProjectOperation):
            return None
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
        """Raise the 404 of an absent place if the caller may not see this one, once that is in the trail."""
        if call.tenant is not None and call.tenant.project != performance.caller.project:
            access = _seeing_project(call.tenant)
        elif organization is not None:
            access = _seeing_organization(organization)
        else:
            return
        if not await self._judge.permits(performance.principal, access):
            question = Question(call, operation, (access,), organization=organization)
            await self._judge.decide(performance.principal, question)


@lru_cache(maxsize=1024)
def _seeing_project(tenant: Tenant) -> Access:
    place = Resource(Entity("Project", tenant.project), "project", tenant)
    return Access(_SEE_PROJECT, place, _SEE_PROJECT)


@lru_cache(maxsize=1024)
def _seeing_organization(organization: OrganizationId) -> Access:
    place = Resource(Entity("Organization", organization), "organization", None)
    return Access(_SEE_ORGANIZATION, place, _SEE_ORGANIZATION)
