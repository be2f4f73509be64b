"""Who is calling; made only by an `Authenticator`, never by a door or a handler."""

from enum import StrEnum

from msgspec import Struct

from ca_service.kernel.tenancy import OrganizationId, ProjectId


class CallerKind(StrEnum):
    """The Cedar type of the principal."""

    IDENTITY = "Identity"
    USER = "User"
    ACME_ACCOUNT = "Acme::Account"
    SSH_HOST = "SshHost"
    SYSTEM = "System"


class RoleGrant(Struct, frozen=True):
    """A role held in a scope. `scope` is `instance`, an organization's id or a project's id."""

    role: str
    scope: str


class Caller(Struct, frozen=True):
    """An established caller.

    `organization` and `project` say where the caller itself lives (None for instance callers); `roles` hold
    all its grants anywhere, roles of groups included. `groups` are further Cedar parents as (type, id):
    `Acme::Directory::"…"`. `address` is the client's address as S9 says. `authenticated_by` names the method
    and `credential` the id of the token or key that proved it, both for the trail. `generation` is the policy
    generation at which roles and credential were read (S14), None for callers whose rights no row keeps.
    `on_behalf_of` is the identity for which the caller acts: what issues is decided as both (S2).
    """

    kind: CallerKind
    id: str
    name: str
    address: str
    authenticated_by: str
    credential: str = ""
    organization: OrganizationId | None = None
    project: ProjectId | None = None
    roles: tuple[RoleGrant, ...] = ()
    groups: tuple[tuple[str, str], ...] = ()
    generation: int | None = None
    on_behalf_of: "Caller | None" = None
