"""What the policy is asked about: directories, accounts, orders and authorizations as Cedar resources."""

from acme.directories import Directory
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


def order_access(action: str, tenant: Tenant, order: str) -> Access:
    """Return the question whether the caller may do `action` to an order."""
    return Access(action, Resource(Entity("AcmeOrder", order), "order", tenant), "acme:read-order")


def authorization_access(
    action: str, tenant: Tenant, authorization: str, *, visible_by: str = "acme:read-authorization"
) -> Access:
    """Return the question whether the caller may do `action` to an authorization or one of its challenges."""
    resource = Resource(Entity("AcmeAuthorization", authorization), "authorization", tenant)
    return Access(action, resource, visible_by)


def project_access(action: str, tenant: Tenant) -> Access:
    """Return the question whether the caller may do `action` to the directories of a project."""
    return Access(
        action, Resource(Entity("Project", tenant.project), "project", tenant), "governance:read-project"
    )
