"""Rows of directories."""

import msgspec
from sqlalchemy import bindparam, select

from acme.directories import Directory, DirectoryId, DirectoryRules, ExternalAccountRule
from acme.storage.tables import DIRECTORIES as T
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

_COLUMNS = (
    T.c.id,
    T.c.organization,
    T.c.project,
    T.c.slug,
    T.c.profile,
    T.c.authority,
    T.c.eab,
    T.c.created_at,
    T.c.rules,
)
# A directory is found by its address alone: slugs are unique on the instance, and its row says whose it is.
_FIND_BY_SLUG = statement(select(*_COLUMNS).where(T.c.slug == bindparam("slug")))
_FIND = statement(
    select(*_COLUMNS).where(
        T.c.organization == bindparam("organization"),
        T.c.project == bindparam("project"),
        T.c.id == bindparam("id"),
    )
)
_LIST = statement(
    select(*_COLUMNS)
    .where(T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
    .order_by(T.c.slug)
)
_INSERT = statement(
    insert_if_absent(
        T,
        "id",
        "organization",
        "project",
        "slug",
        "profile",
        "authority",
        "eab",
        "created_at",
        "rules",
        conflict=("slug",),
    )
)


async def find_by_slug(database: Database, slug: str) -> Directory | None:
    """Return the directory at this address."""
    row = await database.read_one(_FIND_BY_SLUG, slug=slug)
    return None if row is None else _directory(row)


async def find(database: Database, tenant: Tenant, directory: str) -> Directory | None:
    """Return a directory of this tenant by its id."""
    row = await database.read_one(
        _FIND, organization=tenant.organization, project=tenant.project, id=directory
    )
    return None if row is None else _directory(row)


async def list_all(database: Database, tenant: Tenant) -> tuple[Directory, ...]:
    """Return the directories of this tenant by their slugs."""
    rows = await database.read(_LIST, organization=tenant.organization, project=tenant.project)
    return tuple(map(_directory, rows))


async def add(transaction: Transaction, directory: Directory) -> bool:
    """Write a new directory; return False if its slug is taken."""
    changed = await transaction.execute(
        _INSERT,
        id=directory.id,
        organization=directory.tenant.organization,
        project=directory.tenant.project,
        slug=directory.slug,
        profile=directory.profile,
        authority=directory.authority,
        eab=directory.eab.value,
        created_at=to_microseconds(directory.created_at),
        rules=msgspec.json.encode(directory.rules),
    )
    return changed == 1


def _directory(row: Row) -> Directory:
    id_, organization, project, slug, profile, authority, eab, created_at, rules = row
    return Directory(
        id=DirectoryId(id_),
        tenant=Tenant(OrganizationId(organization), ProjectId(project)),
        slug=slug,
        profile=profile,
        authority=authority,
        eab=ExternalAccountRule(eab),
        created_at=from_microseconds(created_at),
        rules=DirectoryRules() if rules is None else msgspec.json.decode(rules, type=DirectoryRules),
    )
