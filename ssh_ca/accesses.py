"""The questions that operations of the SSH authority put to the policy."""

from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Entity, Resource
from ssh_ca.authorities import SshAuthority
from ssh_ca.profiles import SshProfile

_SEE = "ssh:read"


def profile_resource(profile: SshProfile) -> Resource:
    """Return a profile as policies see it."""
    attributes = {"name": profile.name, "cert_type": profile.type.value}
    return Resource(Entity("SshProfile", profile.id), "profile", profile.tenant, attributes)


def profile_access(action: str, profile: SshProfile) -> Access:
    """Return the question about one profile."""
    return Access(action, profile_resource(profile), _SEE)


def authority_access(action: str, authority: SshAuthority, *, noun: str = "authority") -> Access:
    """Return the question about one authority; `noun` is what a caller who may not see it asked for."""
    attributes = {"name": authority.name, "cert_type": authority.type.value}
    resource = Resource(Entity("SshAuthority", authority.id), noun, authority.tenant, attributes)
    return Access(action, resource, _SEE)


def project_access(action: str, tenant: Tenant) -> Access:
    """Return the question about all of a kind in a project, or about a new one in it."""
    resource = Resource(Entity("Project", tenant.project), "project", tenant)
    return Access(action, resource, "governance:read-project")
