"""What the policy is asked about: directories, and accounts, orders and authorizations as parts of them.

Whose order it is, the handlers see to: they find nothing that is not the caller's own. So the policy is asked
about the directory alone, and one answer serves for all orders of an account.
"""

from acme.directories import Directory, DirectoryId
from acme.storage.scope import Scope
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Entity, Resource


def directory_access(action: str, directory: Directory) -> Access:
    """Return the question whether the caller may do `action` in a directory."""
    resource = Resource(Entity("Acme::Directory", directory.id), "ACME directory", directory.tenant)
    return Access(action, resource, "acme:read-directory")


def account_access(action: str, scope: Scope) -> Access:
    """Return the question whether the calling account may do `action` in its directory."""
    resource = Resource(Entity("Acme::Directory", scope.directory), "ACME directory", scope.tenant)
    return Access(action, resource, "acme:read-directory")


def order_access(action: str, tenant: Tenant, directory: DirectoryId, order: str) -> Access:
    """Return the question whether the caller may do `action` to its orders in a directory."""
    resource = _part(tenant, directory, "order", Entity("AcmeOrder", order))
    return Access(action, resource, "acme:read-order")


def authorization_access(
    action: str,
    tenant: Tenant,
    directory: DirectoryId,
    authorization: str,
    *,
    visible_by: str = "acme:read-authorization",
) -> Access:
    """Return the question whether the caller may do `action` to its authorizations and their challenges."""
    resource = _part(tenant, directory, "authorization", Entity("AcmeAuthorization", authorization))
    return Access(action, resource, visible_by)


def _part(tenant: Tenant, directory: DirectoryId, noun: str, part: Entity) -> Resource:
    return Resource(Entity("Acme::Directory", directory), noun, tenant, part=part)


def project_access(action: str, tenant: Tenant) -> Access:
    """Return the question whether the caller may do `action` to the directories of a project."""
    return Access(
        action, Resource(Entity("Project", tenant.project), "project", tenant), "governance:read-project"
    )
