"""The places of the instance as what rights are over."""

from ca_service.kernel.tenancy import OrganizationId, Tenant
from ca_service.policy.sets import INSTANCE
from ca_service.policy.values import Access, Entity, Resource

SEE_PROJECT = "governance:read-project"
SEE_ORGANIZATION = "governance:read-organization"
#: Permitted to everybody; who may do nothing more is told so, and not that there is no instance.
SEE_INSTANCE = "governance:list-organizations"


def instance() -> Resource:
    """Return the whole instance."""
    return Resource(INSTANCE, "instance", None)


def organization_of(organization: OrganizationId) -> Resource:
    """Return an organization."""
    return Resource(Entity("Organization", organization), "organization", None)


def project_of(tenant: Tenant) -> Resource:
    """Return a project."""
    return Resource(Entity("Project", tenant.project), "project", tenant)


def access_to_organization(action: str, organization: OrganizationId) -> Access:
    """Return the question whether the caller may do this to the organization."""
    return Access(action, organization_of(organization), visible_by=SEE_ORGANIZATION)


def access_to_project(action: str, tenant: Tenant) -> Access:
    """Return the question whether the caller may do this to the project."""
    return Access(action, project_of(tenant), visible_by=SEE_PROJECT)
