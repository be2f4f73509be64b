"""Memberships: who holds which built-in role in which scope, and until when."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from ca_service.gate.caller import RoleGrant
from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.tenancy import OrganizationId, ProjectId

INSTANCE_SCOPE = "instance"
ADMINISTRATOR = "administrator"
NO_ACCESS = "no-access"
#: Built-in roles that can be granted, the weakest first: each covers those before it.
PROJECT_ROLES = (NO_ACCESS, "viewer", "member", "admin")
ORGANIZATION_ROLES = ("member", "admin")
INSTANCE_ROLES = (ADMINISTRATOR,)
#: Stands in a membership for the whole instance.
NO_ORGANIZATION = OrganizationId("")


class Membership(Struct, frozen=True, kw_only=True):
    """One role of one principal.

    `project` None: in the whole organization; `organization` NO_ORGANIZATION as well: in the whole instance.
    """

    id: str
    organization: OrganizationId
    project: ProjectId | None
    principal_kind: str
    principal: str
    role: str
    expires_at: datetime | None
    created_at: datetime
    created_by: str

    @property
    def scope(self) -> str:
        """Return the id of the place where the role is held."""
        return self.project or self.organization or INSTANCE_SCOPE

    @property
    def grant(self) -> RoleGrant:
        """Return the role as callers carry it."""
        return RoleGrant(role=self.role, scope=self.scope)

    def is_held(self, now: datetime) -> bool:
        """Tell whether the role has not ended."""
        return self.expires_at is None or now < self.expires_at


def verify_role(role: str, organization: OrganizationId, project: ProjectId | None) -> None:
    """Return if the role can be granted there. Raises UnacceptableError."""
    roles: tuple[str, ...] = PROJECT_ROLES
    if project is None:
        roles = INSTANCE_ROLES if organization == NO_ORGANIZATION else ORGANIZATION_ROLES
    if role not in roles:
        raise UnacceptableError(
            f"Grant one of these roles here: {', '.join(roles)}.", field="role", rule="role"
        )


def covers(
    held: Iterable[RoleGrant], role: str, organization: OrganizationId, project: ProjectId | None
) -> bool:
    """Tell whether holders of these roles may hand `role` on: nobody grants more than they have (S17)."""
    for grant in held:
        if grant == RoleGrant(role=ADMINISTRATOR, scope=INSTANCE_SCOPE):
            return True
        if organization and grant == RoleGrant(role="admin", scope=organization):
            return True
        if project is not None and grant.scope == project and grant.role in PROJECT_ROLES:
            return PROJECT_ROLES.index(grant.role) >= max(1, PROJECT_ROLES.index(role))
    return False
