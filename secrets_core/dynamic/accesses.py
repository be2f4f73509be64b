"""The questions that operations of dynamic secrets put to the policy."""

from datetime import timedelta

from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Entity, Resource
from secrets_core.dynamic.dynamic_secrets import DynamicSecret

SEE = "dynamic:describe"


def dynamic_access(
    action: str,
    secret: DynamicSecret,
    *,
    own: bool | None = None,
    ttl: timedelta | None = None,
    noun: str = "dynamic secret",
) -> Access:
    """Return the question about one dynamic secret; `noun` is what a caller who may not see it asked for."""
    slug = secret.environment_slug
    attributes = {"environment": slug, "path": secret.path, "name": secret.name, "provider": secret.provider}
    entity = Entity("DynamicSecret", f"{slug}:{secret.path}:{secret.name}")
    resource = Resource(entity, noun, secret.tenant, attributes)
    return Access(action, resource, SEE, {} if own is None else {"own": own}, ttl)


def project_access(tenant: Tenant) -> Access:
    """Return the question about all dynamic secrets of a project."""
    resource = Resource(Entity("Project", tenant.project), "project", tenant)
    return Access(SEE, resource, "governance:read-project")
