"""Searching the audit trail."""

from ca_service.audit.search import AuditFilter, NumberedEntry
from ca_service.audit.trail import AuditTrail
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.gate.port import Tenants
from ca_service.governance.operations import (
    Found,
    SearchOrganizationTrail,
    SearchProjectTrail,
    SearchTrail,
    TrailFilter,
)
from ca_service.governance.resources import access_to_organization, access_to_project, instance
from ca_service.kernel.tenancy import OrganizationId, ProjectId
from ca_service.policy.values import Access


async def search(
    trail: AuditTrail, wanted: TrailFilter, organization: OrganizationId | None, project: ProjectId | None
) -> Found[NumberedEntry]:
    """Return a part of the trail, newest first."""
    entries = await trail.search(
        AuditFilter(
            organization=organization,
            project=project,
            caller=wanted.caller,
            action=wanted.action,
            resource=wanted.resource,
            outcome=wanted.outcome,
            after=wanted.after,
            before=wanted.before,
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    )
    return Found(tuple(entries), entries[-1].cursor if len(entries) == wanted.limit else None)


class SearchTrailReader(Reader[SearchTrail, Found[NumberedEntry]]):
    """Searches everything."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    async def prepare(self, call: Call, operation: SearchTrail) -> Prepared[Found[NumberedEntry]]:
        del call
        found = await search(self._trail, operation.filter, None, None)
        return Prepared(found, (Access(operation.action, instance(), visible_by=operation.action),))


class SearchOrganizationTrailReader(Reader[SearchOrganizationTrail, Found[NumberedEntry]]):
    """Searches an organization."""

    def __init__(self, trail: AuditTrail, tenants: Tenants) -> None:
        self._trail = trail
        self._tenants = tenants

    async def prepare(self, call: Call, operation: SearchOrganizationTrail) -> Prepared[Found[NumberedEntry]]:
        del call
        organization = await self._tenants.organization(operation.organization)
        found = await search(self._trail, operation.filter, organization, None)
        return Prepared(found, (access_to_organization(operation.action, organization),))


class SearchProjectTrailReader(Reader[SearchProjectTrail, Found[NumberedEntry]]):
    """Searches a project."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    async def prepare(self, call: Call, operation: SearchProjectTrail) -> Prepared[Found[NumberedEntry]]:
        home = call.home
        found = await search(self._trail, operation.filter, home.organization, home.project)
        return Prepared(found, (access_to_project(operation.action, home),))
