"""The questions that operations of the KMS put to the policy."""

from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, Entity, Resource
from secrets_core.kms.keys import KmsKey

SEE = "kms:describe"


def key_resource(key: KmsKey) -> Resource:
    """Return a key as policies see it."""
    attributes = {"name": key.name, "algorithm": key.algorithm.value}
    return Resource(Entity("KmsKey", key.id), "key", key.tenant, attributes)


def key_access(action: str, key: KmsKey) -> Access:
    """Return the question about one key, or about a new one."""
    return Access(action, key_resource(key), SEE)


def project_access(action: str, tenant: Tenant) -> Access:
    """Return the question about what is no key's: the list of all, random bytes."""
    resource = Resource(Entity("Project", tenant.project), "project", tenant)
    return Access(action, resource, "governance:read-project")
