"""The questions that operations on hosts put to the policy."""

from collections.abc import Mapping

from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import NOTHING, Access, ContextValue, Entity, Resource
from ssh_ca.hosts import SshHost

_SEE = "ssh:read-host"
_SEE_PROJECT = "governance:read-project"


def host_access(action: str, host: SshHost, *, visible_by: str = _SEE) -> Access:
    """Return the question about one host."""
    resource = Resource(Entity("SshHost", host.id), "host", host.tenant, {"name": host.name})
    return Access(action, resource, visible_by)


def own_access(
    action: str, host_id: str, tenant: Tenant, context: Mapping[str, ContextValue], field: str | None = None
) -> Access:
    """Return the question a host asks about itself; one that it may not do it sees nothing of."""
    resource = Resource(Entity("SshHost", host_id), "host", tenant)
    return Access(action, resource, action, context, None, field)


def hosts_access(
    action: str,
    tenant: Tenant,
    *,
    noun: str = "project",
    context: Mapping[str, ContextValue] = NOTHING,
    field: str | None = None,
) -> Access:
    """Return the question about all hosts of a project, or what belongs to none of them."""
    resource = Resource(Entity("Project", tenant.project), noun, tenant)
    return Access(action, resource, _SEE_PROJECT, context, None, field)
