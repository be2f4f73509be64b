"""Projects: made, shown, renamed and closed."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.port import Tenants
from ca_service.gate.principals import principal_of
from ca_service.governance.handlers.organizations import slug_taken
from ca_service.governance.operations import (
    CreateProject,
    DeleteProject,
    Found,
    ListOrganizationProjects,
    ListProjects,
    ReadProject,
    UpdateProject,
)
from ca_service.governance.places import DEFAULT, Environment, Project
from ca_service.governance.resources import (
    SEE_PROJECT,
    access_to_organization,
    access_to_project,
    instance,
)
from ca_service.governance.slugs import parse_slug
from ca_service.governance.storage import (
    delete_project,
    find_project,
    insert_environment,
    insert_project,
    list_all_projects,
    list_projects_among,
    rename_project,
)
from ca_service.identity.roles import ADMINISTRATOR, Generations
from ca_service.kernel.errors import MalformedError, NotFoundError, UnacceptableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.values import Access, Grant

_MOST_ENVIRONMENTS = 50


class NewProject(Struct, frozen=True):
    """A project to come, with its environments."""

    project: Project
    environments: tuple[Environment, ...]


class CreateProjectHandler(Handler[CreateProject, NewProject, NewProject, Project]):
    """Makes a project."""

    def __init__(self, tenants: Tenants, identifiers: Identifiers) -> None:
        self._tenants = tenants
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateProject) -> Prepared[NewProject]:
        organization = await self._tenants.organization(operation.organization)
        project = Project(
            id=ProjectId(self._identifiers.new("prj")),
            organization=organization,
            slug=parse_slug(operation.slug),
            name=operation.name,
            created_at=call.now,
            created_by=call.caller.id,
        )
        environments = tuple(
            self._environment(project, slug) for slug in _parse_environments(operation.environments)
        )
        access = access_to_organization(operation.action, organization)
        details = {"project": project.id, "slug": project.slug}
        return Prepared(NewProject(project, environments), (access,), details)

    async def sign(self, call: Call, draft: NewProject, grant: Grant) -> NewProject:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: NewProject) -> Project:
        del call
        try:
            await insert_project(transaction, signed.project)
        except UniqueViolationError as error:
            raise slug_taken(signed.project.slug) from error
        for environment in signed.environments:
            await insert_environment(transaction, environment)
        return signed.project

    def details(self, answer: Project) -> Mapping[str, Any]:
        return {"project": answer.id}

    def _environment(self, project: Project, slug: str) -> Environment:
        return Environment(
            id=self._identifiers.new("env"),
            organization=project.organization,
            project=project.id,
            slug=slug,
            name=slug,
            created_at=project.created_at,
            created_by=project.created_by,
        )


def _parse_environments(slugs: tuple[str, ...]) -> list[str]:
    parsed = [parse_slug(slug, field=f"environments[{index}]") for index, slug in enumerate(slugs)]
    if len(set(parsed)) != len(parsed) or len(parsed) > _MOST_ENVIRONMENTS:
        raise MalformedError(
            f"Name each environment once, and at most {_MOST_ENVIRONMENTS}.",
            field="environments",
            rule="unique",
        )
    return parsed


class VisibleProjects:
    """Finds the projects that a caller may see; each is decided by itself."""

    def __init__(self, database: Database, policy: PolicyEngine) -> None:
        self._database = database
        self._policy = policy

    async def page(
        self, call: Call, organization: OrganizationId | None, after: str | None, limit: int
    ) -> Found[Project]:
        """Return those of one organization, or of all (None), behind the id `after`."""
        seen: list[Project] = []
        last = after or ""
        while len(seen) <= limit:
            batch = await self._candidates(call, organization, last, limit + 1)
            seen += [project for project in batch if await self._is_visible(call, project)]
            if len(batch) <= limit:
                break
            last = batch[-1].id
        page = seen[:limit]
        return Found(tuple(page), page[-1].id if len(seen) > limit else None)

    async def _candidates(
        self, call: Call, organization: OrganizationId | None, after: str, limit: int
    ) -> list[Project]:
        if organization is not None:
            return await list_projects_among(self._database, [organization], [], after, limit)
        caller = call.caller
        if ADMINISTRATOR in caller.roles:
            return await list_all_projects(self._database, after, limit)
        # A scope is the id of either; ids of the two never coincide.
        scopes = [grant.scope for grant in caller.roles]
        scopes += [place for place in (caller.organization, caller.project) if place is not None]
        return await list_projects_among(self._database, scopes, scopes, after, limit)

    async def _is_visible(self, call: Call, project: Project) -> bool:
        if project.id == call.caller.project:
            return True
        access = access_to_project(SEE_PROJECT, project.tenant)
        return (await self._policy.decide(principal_of(call.caller), access)).allowed


class ListProjectsReader(Reader[ListProjects, Found[Project]]):
    """Lists projects all over the instance."""

    def __init__(self, visible: VisibleProjects) -> None:
        self._visible = visible

    async def prepare(self, call: Call, operation: ListProjects) -> Prepared[Found[Project]]:
        found = await self._visible.page(call, None, operation.after, operation.limit)
        return Prepared(found, (Access(operation.action, instance(), visible_by=operation.action),))


class ListOrganizationProjectsReader(Reader[ListOrganizationProjects, Found[Project]]):
    """Lists projects of one organization."""

    def __init__(self, visible: VisibleProjects, tenants: Tenants) -> None:
        self._visible = visible
        self._tenants = tenants

    async def prepare(self, call: Call, operation: ListOrganizationProjects) -> Prepared[Found[Project]]:
        organization = await self._tenants.organization(operation.organization)
        found = await self._visible.page(call, organization, operation.after, operation.limit)
        return Prepared(found, (access_to_organization(operation.action, organization),))


class ReadProjectReader(Reader[ReadProject, Project]):
    """Shows one project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadProject) -> Prepared[Project]:
        project = await find_in(self._database, call.home)
        return Prepared(project, (access_to_project(operation.action, call.home),))


class UpdateProjectHandler(Handler[UpdateProject, Project, Project, Project]):
    """Renames a project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: UpdateProject) -> Prepared[Project]:
        project = await find_in(self._database, call.home)
        renamed = msgspec.structs.replace(project, name=operation.name)
        return Prepared(renamed, (access_to_project(operation.action, call.home),), {"name": operation.name})

    async def sign(self, call: Call, draft: Project, grant: Grant) -> Project:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Project) -> Project:
        if not await rename_project(transaction, call.home, signed.name):
            raise NotFoundError("project")
        return signed


class DeleteProjectHandler(Handler[DeleteProject, None, None, None]):
    """Closes a project."""

    def __init__(self, database: Database, generations: Generations) -> None:
        self._database = database
        self._generations = generations

    async def prepare(self, call: Call, operation: DeleteProject) -> Prepared[None]:
        return Prepared(None, (access_to_project(operation.action, call.home),))

    async def sign(self, call: Call, draft: None, grant: Grant) -> None:
        del draft, grant
        project = await find_in(self._database, call.home)
        if project.slug == DEFAULT:
            raise UnacceptableError(
                "The project of first start stays; the service's own certificate comes from it.",
                rule="default-project",
            )

    async def record(self, transaction: Transaction, call: Call, signed: None) -> None:
        del signed
        if not await delete_project(transaction, call.home):
            raise NotFoundError("project")
        await self._generations.raise_generation(transaction)


async def find_in(database: Database, tenant: Tenant) -> Project:
    """Return the project of this tenant. Raises NotFoundError if it was deleted by now."""
    project = await find_project(database, tenant.project)
    if project is None:
        raise NotFoundError("project")
    return project
