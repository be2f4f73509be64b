"""What can be asked of governance, and what is answered: places, memberships, policies, the trail."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct

from ca_service.audit.entries import AuditOutcome
from ca_service.audit.search import NumberedEntry
from ca_service.gate.operation import Operation, OrganizationOperation, ProjectOperation
from ca_service.governance.memberships import Membership
from ca_service.governance.places import USUAL_ENVIRONMENTS, Environment, Organization, Project
from ca_service.kernel.tenancy import OrganizationId, ProjectId
from ca_service.policy.explanation import Explanation
from ca_service.policy.values import NOTHING, ContextValue, Entity

T = TypeVar("T")


class Found(Struct, Generic[T], frozen=True):
    """A part of a list; `next_key` is what the next part begins behind, None on the last one."""

    items: tuple[T, ...]
    next_key: str | None


class CreateOrganization(Operation[Organization], frozen=True, kw_only=True):
    """Make an organization. Its slug is unique on the instance."""

    action: ClassVar[str] = "governance:create-organization"
    idempotent: ClassVar[bool] = True
    slug: str
    name: str


class ListOrganizations(Operation[Found[Organization]], frozen=True, kw_only=True):
    """List the organizations that the caller may see."""

    action: ClassVar[str] = "governance:list-organizations"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class ReadOrganization(OrganizationOperation[Organization], frozen=True, kw_only=True):
    """Read one organization."""

    action: ClassVar[str] = "governance:read-organization"
    reads: ClassVar[bool] = True


class CreateProject(OrganizationOperation[Project], frozen=True, kw_only=True):
    """Make a project with its environments. Its slug is unique on the instance, also after it was deleted."""

    action: ClassVar[str] = "governance:create-project"
    idempotent: ClassVar[bool] = True
    slug: str
    name: str
    environments: tuple[str, ...] = USUAL_ENVIRONMENTS


class ListProjects(Operation[Found[Project]], frozen=True, kw_only=True):
    """List the projects that the caller may see."""

    action: ClassVar[str] = "governance:list-projects"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class ListOrganizationProjects(OrganizationOperation[Found[Project]], frozen=True, kw_only=True):
    """List the projects of one organization that the caller may see."""

    action: ClassVar[str] = "governance:list-organization-projects"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class ReadProject(ProjectOperation[Project], frozen=True, kw_only=True):
    """Read one project."""

    action: ClassVar[str] = "governance:read-project"
    reads: ClassVar[bool] = True


class UpdateProject(ProjectOperation[Project], frozen=True, kw_only=True):
    """Give a project another name; its slug stays."""

    action: ClassVar[str] = "governance:update-project"
    name: str


class DeleteProject(ProjectOperation[None], frozen=True, kw_only=True):
    """Close a project for good. What it issued stays in the inventory; its slug is never used again."""

    action: ClassVar[str] = "governance:delete-project"


class CreateEnvironment(ProjectOperation[Environment], frozen=True, kw_only=True):
    """Make an environment. Its slug is unique in the project."""

    action: ClassVar[str] = "governance:create-environment"
    idempotent: ClassVar[bool] = True
    slug: str
    name: str


class ListEnvironments(ProjectOperation[Found[Environment]], frozen=True, kw_only=True):
    """List a project's environments."""

    action: ClassVar[str] = "governance:list-environments"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class DeleteEnvironment(ProjectOperation[None], frozen=True, kw_only=True):
    """Delete an environment, named by its slug or id."""

    action: ClassVar[str] = "governance:delete-environment"
    environment: str


class GrantProjectRole(ProjectOperation[Membership], frozen=True, kw_only=True):
    """Grant an identity of the organization a role in the project, for good or until `expires_at`."""

    action: ClassVar[str] = "governance:grant"
    idempotent: ClassVar[bool] = True
    identity: str
    role: str
    expires_at: datetime | None = None


class GrantOrganizationRole(OrganizationOperation[Membership], frozen=True, kw_only=True):
    """Grant an identity of the organization a role in it, for good or until `expires_at`."""

    action: ClassVar[str] = "governance:grant"
    idempotent: ClassVar[bool] = True
    identity: str
    role: str
    expires_at: datetime | None = None


class GrantInstanceRole(Operation[Membership], frozen=True, kw_only=True):
    """Grant an identity of any organization a role in the whole instance, for good or until `expires_at`."""

    action: ClassVar[str] = "governance:grant"
    idempotent: ClassVar[bool] = True
    identity: str
    role: str
    expires_at: datetime | None = None


class ListProjectMemberships(ProjectOperation[Found[Membership]], frozen=True, kw_only=True):
    """List who holds roles in the project itself."""

    action: ClassVar[str] = "governance:list-memberships"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class ListOrganizationMemberships(OrganizationOperation[Found[Membership]], frozen=True, kw_only=True):
    """List who holds roles in the organization itself."""

    action: ClassVar[str] = "governance:list-memberships"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class ListInstanceMemberships(Operation[Found[Membership]], frozen=True, kw_only=True):
    """List who holds roles in the instance itself; the holder of the bootstrap token is not among them."""

    action: ClassVar[str] = "governance:list-memberships"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class WithdrawProjectRole(ProjectOperation[None], frozen=True, kw_only=True):
    """Take a role in the project away."""

    action: ClassVar[str] = "governance:withdraw"
    takes_away: ClassVar[bool] = True
    membership: str


class WithdrawOrganizationRole(OrganizationOperation[None], frozen=True, kw_only=True):
    """Take a role in the organization away."""

    action: ClassVar[str] = "governance:withdraw"
    takes_away: ClassVar[bool] = True
    membership: str


class WithdrawInstanceRole(Operation[None], frozen=True, kw_only=True):
    """Take a role in the instance away."""

    action: ClassVar[str] = "governance:withdraw"
    takes_away: ClassVar[bool] = True
    membership: str


class PolicyRecord(Struct, frozen=True, kw_only=True):
    """A stored policy: one Cedar statement that governs one project."""

    id: str
    organization: OrganizationId
    project: ProjectId
    name: str
    text: str
    enabled: bool
    created_at: datetime
    created_by: str


class CreatePolicy(ProjectOperation[PolicyRecord], frozen=True, kw_only=True):
    """Store a policy. Its name is unique in the project; it never applies outside it."""

    action: ClassVar[str] = "policy:write"
    idempotent: ClassVar[bool] = True
    name: str
    text: str
    enabled: bool = True


class ListPolicies(ProjectOperation[Found[PolicyRecord]], frozen=True, kw_only=True):
    """List the project's policies by name."""

    action: ClassVar[str] = "policy:read"
    reads: ClassVar[bool] = True
    limit: int
    after: str | None = None


class ReadPolicy(ProjectOperation[PolicyRecord], frozen=True, kw_only=True):
    """Read one policy."""

    action: ClassVar[str] = "policy:read"
    reads: ClassVar[bool] = True
    policy: str


class UpdatePolicy(ProjectOperation[PolicyRecord], frozen=True, kw_only=True):
    """Change what is not None. A policy that is not enabled neither permits nor forbids."""

    action: ClassVar[str] = "policy:write"
    policy: str
    text: str | None = None
    enabled: bool | None = None


class DeletePolicy(ProjectOperation[None], frozen=True, kw_only=True):
    """Delete a policy."""

    action: ClassVar[str] = "policy:write"
    policy: str


class Supposition(Struct, frozen=True, kw_only=True):
    """A question to be explained: what if this principal asked for this?"""

    principal: Entity
    action: str
    resource: Entity
    context: Mapping[str, ContextValue] = NOTHING
    attributes: Mapping[str, ContextValue] = NOTHING
    ttl: timedelta | None = None


class ExplainDecision(Operation[Explanation], frozen=True, kw_only=True):
    """Explain a decision about something of the instance itself."""

    action: ClassVar[str] = "policy:explain"
    reads: ClassVar[bool] = True
    supposition: Supposition


class ExplainProjectDecision(ProjectOperation[Explanation], frozen=True, kw_only=True):
    """Explain a decision about something in the project."""

    action: ClassVar[str] = "policy:explain"
    reads: ClassVar[bool] = True
    supposition: Supposition


class TrailFilter(Struct, frozen=True, kw_only=True):
    """Which entries of the trail: those that meet every condition given, newest first."""

    caller: str | None = None
    action: str | None = None
    resource: str | None = None
    outcome: AuditOutcome | None = None
    after: datetime | None = None
    before: datetime | None = None
    cursor: str | None = None
    limit: int = 100


class SearchTrail(Operation[Found[NumberedEntry]], frozen=True, kw_only=True):
    """Search the trail of the whole instance."""

    action: ClassVar[str] = "audit:read"
    reads: ClassVar[bool] = True
    filter: TrailFilter


class SearchOrganizationTrail(OrganizationOperation[Found[NumberedEntry]], frozen=True, kw_only=True):
    """Search what happened in an organization and its projects."""

    action: ClassVar[str] = "audit:read"
    reads: ClassVar[bool] = True
    filter: TrailFilter


class SearchProjectTrail(ProjectOperation[Found[NumberedEntry]], frozen=True, kw_only=True):
    """Search what happened in a project."""

    action: ClassVar[str] = "audit:read"
    reads: ClassVar[bool] = True
    filter: TrailFilter
