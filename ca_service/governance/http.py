"""The doors of governance: organizations, projects, environments, memberships."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from ca_service.governance.memberships import Membership
from ca_service.governance.operations import (
    CreateEnvironment,
    CreateOrganization,
    CreateProject,
    DeleteEnvironment,
    DeleteProject,
    GrantOrganizationRole,
    GrantProjectRole,
    ListEnvironments,
    ListOrganizationMemberships,
    ListOrganizationProjects,
    ListOrganizations,
    ListProjectMemberships,
    ListProjects,
    ReadOrganization,
    ReadProject,
    UpdateProject,
    WithdrawOrganizationRole,
    WithdrawProjectRole,
)
from ca_service.governance.places import USUAL_ENVIRONMENTS, Environment, Organization, Project
from ca_service.kernel.errors import MalformedError
from ca_service.web.door import Page, answer, created, decode, no_content, page, parse_page, perform, reads

AnyRequest = Request[Any, Any, Any]
#: A name for people: any script, no control characters.
DisplayName = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewOrganizationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making an organization takes."""

    slug: str
    name: DisplayName | None = None


class OrganizationBody(Struct, frozen=True):
    """An organization."""

    id: str
    slug: str
    name: str
    created_at: datetime
    created_by: str


class NewProjectBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making a project takes."""

    slug: str
    name: DisplayName | None = None
    environments: tuple[str, ...] = USUAL_ENVIRONMENTS


class ProjectChangeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be changed of a project."""

    name: DisplayName


class ProjectBody(Struct, frozen=True):
    """A project."""

    id: str
    organization: str
    slug: str
    name: str
    created_at: datetime
    created_by: str


class NewEnvironmentBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making an environment takes."""

    slug: str
    name: DisplayName | None = None


class EnvironmentBody(Struct, frozen=True):
    """An environment."""

    id: str
    slug: str
    name: str
    created_at: datetime
    created_by: str


class NewMembershipBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What granting a role takes."""

    identity: Annotated[str, Meta(max_length=100, pattern=r"^[^\x00]*$")]
    role: Annotated[str, Meta(max_length=63)]
    expires_at: datetime | None = None


class MembershipBody(Struct, frozen=True):
    """A role that an identity holds. `scope` is the project's or the organization's id, or `instance`."""

    id: str
    identity: str
    role: str
    scope: str
    expires_at: datetime | None
    created_at: datetime
    created_by: str


def _organization_body(organization: Organization) -> OrganizationBody:
    return OrganizationBody(
        id=organization.id,
        slug=organization.slug,
        name=organization.name,
        created_at=organization.created_at,
        created_by=organization.created_by,
    )


def _project_body(project: Project) -> ProjectBody:
    return ProjectBody(
        id=project.id,
        organization=project.organization,
        slug=project.slug,
        name=project.name,
        created_at=project.created_at,
        created_by=project.created_by,
    )


def _environment_body(environment: Environment) -> EnvironmentBody:
    return EnvironmentBody(
        id=environment.id,
        slug=environment.slug,
        name=environment.name,
        created_at=environment.created_at,
        created_by=environment.created_by,
    )


def membership_body(membership: Membership) -> MembershipBody:
    """Return a membership as JSON shows it."""
    return MembershipBody(
        id=membership.id,
        identity=membership.principal,
        role=membership.role,
        scope=membership.scope,
        expires_at=membership.expires_at,
        created_at=membership.created_at,
        created_by=membership.created_by,
    )


def parse_moment(moment: datetime | None, *, field: str) -> datetime | None:
    """Return the moment in UTC. Raises MalformedError for one without a zone, or past what a date can be."""
    if moment is None:
        return None
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except OverflowError:
        # The first and the last day, in a zone where UTC is a year that dates do not have.
        pass
    detail = "Write a time with its zone, like 2030-01-02T03:04:05Z."
    raise MalformedError(detail, field=field, rule="time")


@post("/v1/organizations", opt=reads(NewOrganizationBody))
async def create_organization(request: AnyRequest) -> Response[OrganizationBody]:
    """Make an organization."""
    body = await decode(request, NewOrganizationBody)
    outcome = await perform(request, CreateOrganization(slug=body.slug, name=body.name or body.slug))
    made = outcome.answer
    return created(outcome, f"/v1/organizations/{made.slug}", _organization_body(made))


@get("/v1/organizations")
async def list_organizations(request: AnyRequest) -> Response[Page[OrganizationBody]]:
    """List the organizations that the caller may see."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListOrganizations(limit=limit, after=after))
    found = outcome.answer
    return answer(outcome, page([_organization_body(one) for one in found.items], found.next_key))


@get("/v1/organizations/{organization:str}")
async def read_organization(request: AnyRequest, organization: FromPath[str]) -> Response[OrganizationBody]:
    """Show an organization."""
    outcome = await perform(request, ReadOrganization(organization=organization))
    return answer(outcome, _organization_body(outcome.answer))


@post("/v1/organizations/{organization:str}/projects", opt=reads(NewProjectBody))
async def create_project(request: AnyRequest, organization: FromPath[str]) -> Response[ProjectBody]:
    """Make a project with its environments."""
    body = await decode(request, NewProjectBody)
    operation = CreateProject(
        organization=organization,
        slug=body.slug,
        name=body.name or body.slug,
        environments=body.environments,
    )
    outcome = await perform(request, operation)
    made = outcome.answer
    return created(outcome, f"/v1/projects/{made.slug}", _project_body(made))


@get("/v1/organizations/{organization:str}/projects")
async def list_organization_projects(
    request: AnyRequest, organization: FromPath[str]
) -> Response[Page[ProjectBody]]:
    """List the organization's projects that the caller may see."""
    limit, after = parse_page(request)
    operation = ListOrganizationProjects(organization=organization, limit=limit, after=after)
    outcome = await perform(request, operation)
    found = outcome.answer
    return answer(outcome, page([_project_body(one) for one in found.items], found.next_key))


@get("/v1/projects")
async def list_projects(request: AnyRequest) -> Response[Page[ProjectBody]]:
    """List the projects that the caller may see."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListProjects(limit=limit, after=after))
    found = outcome.answer
    return answer(outcome, page([_project_body(one) for one in found.items], found.next_key))


@get("/v1/projects/{project:str}")
async def read_project(request: AnyRequest, project: FromPath[str]) -> Response[ProjectBody]:
    """Show a project."""
    outcome = await perform(request, ReadProject(project=project))
    return answer(outcome, _project_body(outcome.answer))


@patch("/v1/projects/{project:str}", opt=reads(ProjectChangeBody))
async def update_project(request: AnyRequest, project: FromPath[str]) -> Response[ProjectBody]:
    """Rename a project."""
    body = await decode(request, ProjectChangeBody)
    outcome = await perform(request, UpdateProject(project=project, name=body.name))
    return answer(outcome, _project_body(outcome.answer))


@delete("/v1/projects/{project:str}")
async def delete_project(request: AnyRequest, project: FromPath[str]) -> Response[None]:
    """Close a project for good."""
    return no_content(await perform(request, DeleteProject(project=project)))


@post("/v1/projects/{project:str}/environments", opt=reads(NewEnvironmentBody))
async def create_environment(request: AnyRequest, project: FromPath[str]) -> Response[EnvironmentBody]:
    """Make an environment."""
    body = await decode(request, NewEnvironmentBody)
    operation = CreateEnvironment(project=project, slug=body.slug, name=body.name or body.slug)
    outcome = await perform(request, operation)
    made = outcome.answer
    location = f"/v1/projects/{project}/environments/{made.slug}"
    return created(outcome, location, _environment_body(made))


@get("/v1/projects/{project:str}/environments")
async def list_environments(request: AnyRequest, project: FromPath[str]) -> Response[Page[EnvironmentBody]]:
    """List a project's environments."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListEnvironments(project=project, limit=limit, after=after))
    found = outcome.answer
    return answer(outcome, page([_environment_body(one) for one in found.items], found.next_key))


@delete("/v1/projects/{project:str}/environments/{environment:str}")
async def delete_environment(
    request: AnyRequest, project: FromPath[str], environment: FromPath[str]
) -> Response[None]:
    """Delete an environment."""
    return no_content(await perform(request, DeleteEnvironment(project=project, environment=environment)))


@post("/v1/projects/{project:str}/memberships", opt=reads(NewMembershipBody))
async def grant_project_role(request: AnyRequest, project: FromPath[str]) -> Response[MembershipBody]:
    """Grant an identity a role in the project."""
    body = await decode(request, NewMembershipBody)
    operation = GrantProjectRole(
        project=project,
        identity=body.identity,
        role=body.role,
        expires_at=parse_moment(body.expires_at, field="expires_at"),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/memberships/{outcome.answer.id}"
    return created(outcome, location, membership_body(outcome.answer))


@get("/v1/projects/{project:str}/memberships")
async def list_project_memberships(
    request: AnyRequest, project: FromPath[str]
) -> Response[Page[MembershipBody]]:
    """List who holds roles in the project."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListProjectMemberships(project=project, limit=limit, after=after))
    found = outcome.answer
    return answer(outcome, page([membership_body(one) for one in found.items], found.next_key))


@delete("/v1/projects/{project:str}/memberships/{membership:str}")
async def withdraw_project_role(
    request: AnyRequest, project: FromPath[str], membership: FromPath[str]
) -> Response[None]:
    """Take a role in the project away."""
    return no_content(await perform(request, WithdrawProjectRole(project=project, membership=membership)))


@post("/v1/organizations/{organization:str}/memberships", opt=reads(NewMembershipBody))
async def grant_organization_role(
    request: AnyRequest, organization: FromPath[str]
) -> Response[MembershipBody]:
    """Grant an identity a role in the organization."""
    body = await decode(request, NewMembershipBody)
    operation = GrantOrganizationRole(
        organization=organization,
        identity=body.identity,
        role=body.role,
        expires_at=parse_moment(body.expires_at, field="expires_at"),
    )
    outcome = await perform(request, operation)
    location = f"/v1/organizations/{organization}/memberships/{outcome.answer.id}"
    return created(outcome, location, membership_body(outcome.answer))


@get("/v1/organizations/{organization:str}/memberships")
async def list_organization_memberships(
    request: AnyRequest, organization: FromPath[str]
) -> Response[Page[MembershipBody]]:
    """List who holds roles in the organization."""
    limit, after = parse_page(request)
    operation = ListOrganizationMemberships(organization=organization, limit=limit, after=after)
    outcome = await perform(request, operation)
    found = outcome.answer
    return answer(outcome, page([membership_body(one) for one in found.items], found.next_key))


@delete("/v1/organizations/{organization:str}/memberships/{membership:str}")
async def withdraw_organization_role(
    request: AnyRequest, organization: FromPath[str], membership: FromPath[str]
) -> Response[None]:
    """Take a role in the organization away."""
    operation = WithdrawOrganizationRole(organization=organization, membership=membership)
    return no_content(await perform(request, operation))


ROUTES: Sequence[ControllerRouterHandler] = (
    create_organization,
    list_organizations,
    read_organization,
    create_project,
    list_organization_projects,
    list_projects,
    read_project,
    update_project,
    delete_project,
    create_environment,
    list_environments,
    delete_environment,
    grant_project_role,
    list_project_memberships,
    withdraw_project_role,
    grant_organization_role,
    list_organization_memberships,
    withdraw_organization_role,
)
