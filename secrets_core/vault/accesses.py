"""The questions that operations of the vault put to the policy."""

from collections.abc import Sequence

from ca_service.governance.places import Environment
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, ContextValue, Entity, Resource
from secrets_core.paths import FolderPath

DESCRIBE = "secrets:describe"
READ = "secrets:read"
UNDELETE = "secrets:undelete"
HISTORY = "secrets:history"


def secret_resource(
    tenant: Tenant,
    environment: str,
    path: FolderPath,
    name: str,
    tags: Sequence[str] = (),
    *,
    noun: str = "secret",
) -> Resource:
    """Return a secret as policies see it, whether or not it is there; `environment` is the slug.

    `noun` is what a caller who may not see it asked for.
    """
    attributes: dict[str, ContextValue] = {
        "environment": environment,
        "path": path,
        "name": name,
        "tags": list(tags),
    }
    entity = Entity("Secret", f"{environment}:{path}:{name}")
    return Resource(entity, noun, tenant, attributes)


def secret_access(
    action: str,
    tenant: Tenant,
    environment: Environment,
    path: FolderPath,
    name: str,
    tags: Sequence[str] = (),
    *,
    field: str | None = None,
    visible_by: str = DESCRIBE,
) -> Access:
    """Return the question about one secret."""
    resource = secret_resource(tenant, environment.slug, path, name, tags)
    return Access(action, resource, visible_by, field=field)


def folder_access(action: str, tenant: Tenant, environment: Environment, path: FolderPath) -> Access:
    """Return the question about a folder, whether or not it is there."""
    attributes = {"environment": environment.slug, "path": path}
    resource = Resource(Entity("Folder", f"{environment.slug}:{path}"), "folder", tenant, attributes)
    return Access(action, resource, DESCRIBE)


def project_access(action: str, tenant: Tenant) -> Access:
    """Return the question about the history of a whole project."""
    resource = Resource(Entity("Project", tenant.project), "project", tenant)
    return Access(action, resource, "governance:read-project")
