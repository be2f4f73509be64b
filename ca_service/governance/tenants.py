"""Finds the tenant a request names, and the roles a caller holds: the ports of gate and identity."""

from datetime import datetime

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.caller import CallerKind
from ca_service.governance.membership_storage import MembershipRows
from ca_service.governance.storage import find_organization, find_project
from ca_service.identity.roles import Generations, HeldRoles
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import OrganizationId, Tenant

_LONGEST_NAME = 100
_MOST_KNOWN = 10_000


class StoredTenants:
    """Implements `gate.port.Tenants`. What exists is known until the generation changes, absence never."""

    def __init__(self, database: Database, generations: Generations) -> None:
        self._database = database
        self._generations = generations
        self._generation = -1
        self._projects: dict[str, Tenant] = {}
        self._organizations: dict[str, OrganizationId] = {}

    async def project(self, name: str) -> Tenant:
        """Return the project with this slug or id. Raises NotFoundError("project")."""
        generation = await self._freshen()
        known = self._projects.get(name)
        if known is not None:
            return known
        found = await find_project(self._database, name) if len(name) <= _LONGEST_NAME else None
        if found is None:
            raise NotFoundError("project")
        if generation == self._generation and len(self._projects) < _MOST_KNOWN:
            self._projects[name] = found.tenant
        return found.tenant

    async def organization(self, name: str) -> OrganizationId:
        """Return the organization with this slug or id. Raises NotFoundError("organization")."""
        generation = await self._freshen()
        known = self._organizations.get(name)
        if known is not None:
            return known
        found = await find_organization(self._database, name) if len(name) <= _LONGEST_NAME else None
        if found is None:
            raise NotFoundError("organization")
        if generation == self._generation and len(self._organizations) < _MOST_KNOWN:
            self._organizations[name] = found.id
        return found.id

    async def _freshen(self) -> int:
        generation = await self._generations.current_generation()
        if generation != self._generation:
            self._projects.clear()
            self._organizations.clear()
            self._generation = generation
        return generation


class StoredRoles:
    """Implements `identity.roles.RoleSource` from the memberships."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._rows = MembershipRows(database, custody)

    async def roles_of(self, identity: str, now: datetime) -> HeldRoles:
        """Return the roles that the identity holds at `now`, wherever."""
        memberships = await self._rows.of_principal(CallerKind.IDENTITY.value, identity)
        held = [membership for membership in memberships if membership.is_held(now)]
        ends = [membership.expires_at for membership in held if membership.expires_at is not None]
        return HeldRoles(grants=tuple(membership.grant for membership in held), until=min(ends, default=None))
