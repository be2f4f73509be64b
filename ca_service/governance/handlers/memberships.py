"""Memberships: granted, listed and withdrawn, in a project, an organization or the whole instance."""

from typing import Generic, TypeVar

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import CallerKind
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.port import Tenants
from ca_service.governance.membership_storage import MembershipRows
from ca_service.governance.memberships import NO_ORGANIZATION, Membership, covers, verify_role
from ca_service.governance.operations import (
    Found,
    GrantInstanceRole,
    GrantOrganizationRole,
    GrantProjectRole,
    ListInstanceMemberships,
    ListOrganizationMemberships,
    ListProjectMemberships,
    WithdrawInstanceRole,
    WithdrawOrganizationRole,
    WithdrawProjectRole,
)
from ca_service.governance.resources import (
    SEE_INSTANCE,
    SEE_ORGANIZATION,
    SEE_PROJECT,
    instance,
    organization_of,
    project_of,
)
from ca_service.identity.identities import MachineIdentity
from ca_service.identity.roles import Generations
from ca_service.identity.storage import IdentityRows
from ca_service.kernel.errors import ConflictError, NotFoundError, UnacceptableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.values import Access, ContextValue, Grant

G = TypeVar("G", GrantProjectRole, GrantOrganizationRole, GrantInstanceRole)
L = TypeVar("L", ListProjectMemberships, ListOrganizationMemberships, ListInstanceMemberships)
W = TypeVar("W", WithdrawProjectRole, WithdrawOrganizationRole, WithdrawInstanceRole)


class Scope(Struct, frozen=True):
    """The place of a membership: a project, an organization (`project` None), or the instance (neither)."""

    organization: OrganizationId
    project: ProjectId | None

    def access(self, action: str, context: dict[str, ContextValue] | None = None) -> Access:
        """Return the question whether the caller may do this to the place."""
        if self.organization == NO_ORGANIZATION:
            # Everybody knows that there is an instance, so nothing is hidden here.
            resource, seeing = instance(), SEE_INSTANCE
        elif self.project is None:
            resource, seeing = organization_of(self.organization), SEE_ORGANIZATION
        else:
            resource, seeing = project_of(Tenant(self.organization, self.project)), SEE_PROJECT
        return Access(action, resource, visible_by=seeing, context=context or {})


class Scopes:
    """Finds the place that an operation is about; what all handlers here share."""

    def __init__(self, database: Database, custody: Custody, tenants: Tenants) -> None:
        self.database = database
        self.rows = MembershipRows(database, custody)
        self.identities = IdentityRows(custody)
        self._tenants = tenants

    async def of(self, call: Call, operation: G | L | W) -> Scope:
        """Return the place. Raises NotFoundError."""
        if isinstance(
            operation, GrantOrganizationRole | ListOrganizationMemberships | WithdrawOrganizationRole
        ):
            return Scope(await self._tenants.organization(operation.organization), None)
        if isinstance(operation, GrantInstanceRole | ListInstanceMemberships | WithdrawInstanceRole):
            return Scope(NO_ORGANIZATION, None)
        return Scope(call.home.organization, call.home.project)

    async def identity(self, draft: Membership) -> MachineIdentity | None:
        """Return the identity that is to hold the role, if it lives where it may."""
        if draft.organization == NO_ORGANIZATION:
            return await self.identities.find_anywhere(self.database, draft.principal)
        return await self.identities.find(self.database, draft.organization, draft.principal)


class GrantRoleHandler(Handler[G, Membership, Membership, Membership], Generic[G]):
    """Grants a role. Nobody grants more than they have (S17): the policy is told if the role is covered."""

    def __init__(self, scopes: Scopes, generations: Generations, identifiers: Identifiers) -> None:
        self._scopes = scopes
        self._generations = generations
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: G) -> Prepared[Membership]:
        scope = await self._scopes.of(call, operation)
        verify_role(operation.role, scope.organization, scope.project)
        if operation.expires_at is not None and operation.expires_at <= call.now:
            raise UnacceptableError(
                "This time has passed; name a later one, or none for a role without end.",
                field="expires_at",
                rule="future",
            )
        membership = Membership(
            id=self._identifiers.new("mem"),
            organization=scope.organization,
            project=scope.project,
            principal_kind=CallerKind.IDENTITY.value,
            principal=operation.identity,
            role=operation.role,
            expires_at=operation.expires_at,
            created_at=call.now,
            created_by=call.caller.id,
        )
        is_covered = covers(call.caller.roles, operation.role, scope.organization, scope.project)
        access = scope.access(operation.action, {"role": operation.role, "covered": is_covered})
        details = {
            "membership": membership.id,
            "principal": f'Identity::"{operation.identity}"',
            "role": operation.role,
            "expires_at": None if operation.expires_at is None else operation.expires_at.isoformat(),
        }
        return Prepared(membership, (access,), details)

    async def sign(self, call: Call, draft: Membership, grant: Grant) -> Membership:
        # Only now may the caller know which identities the organization has.
        del call, grant
        identity = await self._scopes.identity(draft)
        if identity is None or identity.deleted_at is not None:
            raise NotFoundError("identity")
        if identity.project is not None and identity.project != draft.project:
            raise UnacceptableError(
                "This identity belongs to one project and holds roles only there.",
                field="identity",
                rule="identity-of-project",
            )
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Membership) -> Membership:
        del call
        try:
            await self._scopes.rows.insert(transaction, signed)
        except UniqueViolationError as error:
            raise ConflictError(
                "The identity holds this role here already; withdraw it first to change its end.",
                field="role",
                rule="unique",
            ) from error
        await self._generations.raise_generation(transaction)
        return signed


class ListMembershipsReader(Reader[L, Found[Membership]], Generic[L]):
    """Lists the memberships of exactly one place."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes

    async def prepare(self, call: Call, operation: L) -> Prepared[Found[Membership]]:
        scope = await self._scopes.of(call, operation)
        limit = operation.limit
        rows = await self._scopes.rows.page(
            scope.organization, scope.project, operation.after or "", limit + 1
        )
        page = rows[:limit]
        found = Found(tuple(page), page[-1].id if len(rows) > limit else None)
        return Prepared(found, (scope.access(operation.action),))


class Withdrawal(Struct, frozen=True):
    """Which membership of which place is to end."""

    scope: Scope
    membership: str


class WithdrawRoleHandler(Handler[W, Withdrawal, Membership, None], Generic[W]):
    """Takes a role away."""

    def __init__(self, scopes: Scopes, generations: Generations) -> None:
        self._scopes = scopes
        self._generations = generations

    async def prepare(self, call: Call, operation: W) -> Prepared[Withdrawal]:
        scope = await self._scopes.of(call, operation)
        draft = Withdrawal(scope, operation.membership)
        return Prepared(draft, (scope.access(operation.action),), {"membership": draft.membership})

    async def sign(self, call: Call, draft: Withdrawal, grant: Grant) -> Membership:
        del call, grant
        scope = draft.scope
        membership = await self._scopes.rows.find(scope.organization, scope.project, draft.membership)
        if membership is None:
            raise NotFoundError("membership")
        return membership

    async def record(self, transaction: Transaction, call: Call, signed: Membership) -> None:
        del call
        if not await self._scopes.rows.delete(transaction, signed):
            raise NotFoundError("membership")
        await self._generations.raise_generation(transaction)
