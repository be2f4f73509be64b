"""The questions that operations of the certificate authority put to the policy."""

from collections.abc import Mapping

from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.handler import Call
from ca_service.gate.principals import caller_name
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access, ContextValue, Entity, Resource
from ca_service.x509.authorities import Authority
from ca_service.x509.certificates import Certificate
from ca_service.x509.computed_names import CallerFact
from ca_service.x509.profiles import Profile


def owner_of(caller: Caller) -> str:
    """Return the Cedar name under which a caller owns what is issued to it."""
    return caller_name(caller)


def facts_of(caller: Caller, home: Tenant) -> Mapping[CallerFact, str] | None:
    """Return what a profile computes names from; None unless the caller is an identity or asks for one."""
    identity = caller if caller.on_behalf_of is None else caller.on_behalf_of
    if identity.kind not in {CallerKind.IDENTITY, CallerKind.USER}:
        return None
    return {
        CallerFact.IDENTITY_ID: identity.id,
        CallerFact.IDENTITY_NAME: identity.name,
        CallerFact.PROJECT_ID: home.project,
        CallerFact.ORGANIZATION_ID: home.organization,
    }


def authority_resource(authority: Authority) -> Resource:
    """Return an authority as policies see it."""
    entity = Entity("Authority", authority.id)
    return Resource(entity, "authority", authority.tenant, {"name": authority.name})


def profile_access(action: str, profile: Profile) -> Access:
    """Return the question about one profile."""
    resource = Resource(Entity("Profile", profile.id), "profile", profile.tenant, {"name": profile.name})
    return Access(action, resource, "x509:read-profile")


def authority_access(action: str, authority: Authority) -> Access:
    """Return the question about one authority."""
    return Access(action, authority_resource(authority), "x509:read-authority")


def project_access(action: str, tenant: Tenant) -> Access:
    """Return the question about all of a kind in a project, or about a new one in it."""
    return Access(
        action, Resource(Entity("Project", tenant.project), "project", tenant), "governance:read-project"
    )


def certificate_access(
    action: str, call: Call, certificate: Certificate, context: dict[str, ContextValue] | None = None
) -> Access:
    """Return the question about one certificate; `own` tells that it was issued to the caller."""
    resource = Resource(
        Entity("Certificate", certificate.id),
        "certificate",
        certificate.tenant,
        {"authority": certificate.authority, "profile": certificate.profile},
    )
    asked = dict(context or {})
    if certificate.owner == owner_of(call.caller):
        asked["own"] = True
    return Access(action, resource, "x509:read", asked)
