"""Tables of organizations, projects and environments, and the way from rows to values and back."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

import ca_service.governance.membership_storage  # noqa: F401 - its table belongs to the schema
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import any_of, statement
from ca_service.governance.places import Environment, Organization, Project
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

ORGANIZATIONS = Table(
    "governance_organizations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("slug"),
)
PROJECTS = Table(
    "governance_projects",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("deleted_at", BigInteger),
    # Over deleted rows too: a slug is never used again.
    UniqueConstraint("slug"),
    Index("ix_governance_projects_organization", "organization", "id"),
)
ENVIRONMENTS = Table(
    "governance_environments",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("organization", "project", "slug"),
    # So that rows of an environment can refer to it together with its owner.
    Index("ix_governance_environments_id", "organization", "project", "id", unique=True),
)
_O, _P, _E = ORGANIZATIONS.c, PROJECTS.c, ENVIRONMENTS.c

_INSERT_ORGANIZATION = statement(
    insert(ORGANIZATIONS).values({column.name: bindparam(column.name) for column in ORGANIZATIONS.columns})
)
_FIND_ORGANIZATION = statement(
    select(*_O).where(or_(_O.id == bindparam("name"), _O.slug == bindparam("name")))
)
_LIST_ORGANIZATIONS = statement(
    select(*_O).where(_O.id > bindparam("after")).order_by(_O.id).limit(bindparam("limit"))
)
_LIST_ORGANIZATIONS_AMONG = statement(
    select(*_O)
    .where(_O.id > bindparam("after"), any_of(_O.id, "ids"))
    .order_by(_O.id)
    .limit(bindparam("limit"))
)
_INSERT_PROJECT = statement(
    insert(PROJECTS).values({column.name: bindparam(column.name) for column in PROJECTS.columns})
)
# A request names a project before any tenant is known; the tenant is what this finds.
_FIND_PROJECT = statement(
    select(*_P).where(or_(_P.id == bindparam("name"), _P.slug == bindparam("name")), _P.deleted_at.is_(None))
)
_LIVING_BEHIND = (_P.deleted_at.is_(None), _P.id > bindparam("after"))
_LIST_ALL_PROJECTS = statement(select(*_P).where(*_LIVING_BEHIND).order_by(_P.id).limit(bindparam("limit")))
_LIST_PROJECTS_AMONG = statement(
    select(*_P)
    .where(*_LIVING_BEHIND, or_(any_of(_P.organization, "organizations"), any_of(_P.id, "projects")))
    .order_by(_P.id)
    .limit(bindparam("limit"))
)
_LIVING_HERE = (
    _P.organization == bindparam("organization"),
    _P.id == bindparam("project"),
    _P.deleted_at.is_(None),
)
_RENAME_PROJECT = statement(update(PROJECTS).where(*_LIVING_HERE).values(name=bindparam("new_name")))
_DELETE_PROJECT = statement(
    update(PROJECTS).where(*_LIVING_HERE).values(deleted_at=bindparam("new_deleted_at"))
)
_IN_PROJECT = (_E.organization == bindparam("organization"), _E.project == bindparam("project"))
_INSERT_ENVIRONMENT = statement(
    insert(ENVIRONMENTS).values({column.name: bindparam(column.name) for column in ENVIRONMENTS.columns})
)
_LIST_ENVIRONMENTS = statement(
    select(*_E).where(*_IN_PROJECT, _E.slug > bindparam("after")).order_by(_E.slug).limit(bindparam("limit"))
)
_NAMED = or_(_E.id == bindparam("name"), _E.slug == bindparam("name"))
_FIND_ENVIRONMENT = statement(select(*_E).where(*_IN_PROJECT, _NAMED))
_DELETE_ENVIRONMENT = statement(delete(ENVIRONMENTS).where(*_IN_PROJECT, _NAMED))


async def insert_organization(transaction: Transaction, organization: Organization) -> None:
    """Write a new organization. Raises UniqueViolationError if its slug is taken."""
    await transaction.execute(
        _INSERT_ORGANIZATION,
        id=organization.id,
        slug=organization.slug,
        name=organization.name,
        created_at=to_microseconds(organization.created_at),
        created_by=organization.created_by,
    )


async def find_organization(database: Database, name: str) -> Organization | None:
    """Return the organization with this slug or id."""
    row = await database.read_one(_FIND_ORGANIZATION, name=name)
    return None if row is None else _organization(row)


async def list_organizations(database: Database, after: str, limit: int) -> list[Organization]:
    """Return organizations in the order of their ids, those behind `after`."""
    rows = await database.read(_LIST_ORGANIZATIONS, after=after, limit=limit)
    return [_organization(row) for row in rows]


async def list_organizations_among(
    database: Database, ids: list[str], after: str, limit: int
) -> list[Organization]:
    """Return these organizations in the order of their ids, those behind `after`."""
    rows = await database.read(_LIST_ORGANIZATIONS_AMONG, ids=ids, after=after, limit=limit)
    return [_organization(row) for row in rows]


async def insert_project(transaction: Transaction, project: Project) -> None:
    """Write a new project. Raises UniqueViolationError if its slug is, or ever was, taken."""
    await transaction.execute(
        _INSERT_PROJECT,
        id=project.id,
        organization=project.organization,
        slug=project.slug,
        name=project.name,
        created_at=to_microseconds(project.created_at),
        created_by=project.created_by,
        deleted_at=None,
    )


async def find_project(database: Database, name: str) -> Project | None:
    """Return the project with this slug or id, unless it was deleted."""
    row = await database.read_one(_FIND_PROJECT, name=name)
    return None if row is None else _project(row)


async def list_all_projects(database: Database, after: str, limit: int) -> list[Project]:
    """Return the projects of the instance in the order of their ids, those behind `after`."""
    rows = await database.read(_LIST_ALL_PROJECTS, after=after, limit=limit)
    return [_project(row) for row in rows]


async def list_projects_among(
    database: Database, organizations: list[str], projects: list[str], after: str, limit: int
) -> list[Project]:
    """Return the projects of these organizations, and these projects, in the order of their ids."""
    rows = await database.read(
        _LIST_PROJECTS_AMONG, organizations=organizations, projects=projects, after=after, limit=limit
    )
    return [_project(row) for row in rows]


async def rename_project(transaction: Transaction, tenant: Tenant, name: str) -> bool:
    """Give the project another name; False if it is gone."""
    changed = await transaction.execute(
        _RENAME_PROJECT, organization=tenant.organization, project=tenant.project, new_name=name
    )
    return changed == 1


async def delete_project(transaction: Transaction, tenant: Tenant) -> bool:
    """Mark the project as deleted; False if it is gone already."""
    changed = await transaction.execute(
        _DELETE_PROJECT,
        organization=tenant.organization,
        project=tenant.project,
        new_deleted_at=to_microseconds(transaction.now),
    )
    return changed == 1


async def insert_environment(transaction: Transaction, environment: Environment) -> None:
    """Write a new environment. Raises UniqueViolationError if the project has one of this slug."""
    await transaction.execute(
        _INSERT_ENVIRONMENT,
        id=environment.id,
        organization=environment.organization,
        project=environment.project,
        slug=environment.slug,
        name=environment.name,
        created_at=to_microseconds(environment.created_at),
        created_by=environment.created_by,
    )


async def list_environments(database: Database, tenant: Tenant, after: str, limit: int) -> list[Environment]:
    """Return the project's environments in the order of their slugs, those behind `after`."""
    rows = await database.read(
        _LIST_ENVIRONMENTS,
        organization=tenant.organization,
        project=tenant.project,
        after=after,
        limit=limit,
    )
    return [_environment(row) for row in rows]


async def find_environment(database: Database, tenant: Tenant, name: str) -> Environment | None:
    """Return the environment with this slug or id, if the project has one."""
    row = await database.read_one(
        _FIND_ENVIRONMENT, organization=tenant.organization, project=tenant.project, name=name
    )
    return None if row is None else _environment(row)


async def delete_environment(transaction: Transaction, tenant: Tenant, name: str) -> bool:
    """Delete the environment with this slug or id; False if there is none."""
    changed = await transaction.execute(
        _DELETE_ENVIRONMENT, organization=tenant.organization, project=tenant.project, name=name
    )
    return changed == 1


def _environment(row: Row) -> Environment:
    return Environment(
        id=row[0],
        organization=OrganizationId(row[1]),
        project=ProjectId(row[2]),
        slug=row[3],
        name=row[4],
        created_at=from_microseconds(row[5]),
        created_by=row[6],
    )


def _organization(row: Row) -> Organization:
    return Organization(
        id=OrganizationId(row[0]),
        slug=row[1],
        name=row[2],
        created_at=from_microseconds(row[3]),
        created_by=row[4],
    )


def _project(row: Row) -> Project:
    return Project(
        id=ProjectId(row[0]),
        organization=OrganizationId(row[1]),
        slug=row[2],
        name=row[3],
        created_at=from_microseconds(row[4]),
        created_by=row[5],
        deleted_at=None if row[6] is None else from_microseconds(row[6]),
    )
