"""Rows of directories."""

import msgspec
from sqlalchemy import bindparam, func, select, update

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
    T.c.updated_at,
)
_IS_THERE = T.c.deleted_at.is_(None)
_IN_PROJECT = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
# A directory is found by its address alone: slugs are unique on the instance, and its row says whose it is.
_FIND_BY_SLUG = statement(select(*_COLUMNS).where(T.c.slug == bindparam("slug"), _IS_THERE))
_IS_SLUG_USED = statement(select(T.c.id).where(T.c.slug == bindparam("slug")))
_FIND = statement(select(*_COLUMNS).where(*_IN_PROJECT, T.c.id == bindparam("id"), _IS_THERE))
_LIST = statement(select(*_COLUMNS).where(*_IN_PROJECT, _IS_THERE).order_by(T.c.slug))
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
_MINE_AS_READ = (
    *_IN_PROJECT,
    T.c.id == bindparam("id"),
    _IS_THERE,
    func.coalesce(T.c.updated_at, 0) == bindparam("former_updated_at"),
)
_UPDATE = statement(
    update(T)
    .where(*_MINE_AS_READ)
    .values(
        profile=bindparam("profile"),
        authority=bindparam("authority"),
        eab=bindparam("eab"),
        rules=bindparam("rules"),
        updated_at=bindparam("updated_at"),
    )
)
_DELETE = statement(
    update(T)
    .where(*_IN_PROJECT, T.c.id == bindparam("id"), _IS_THERE)
    .values(deleted_at=bindparam("deleted_at"))
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


async def is_slug_used(database: Database, slug: str) -> bool:
    """Return whether a directory has or had this slug."""
    return await database.read_one(_IS_SLUG_USED, slug=slug) is not None


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


async def change(transaction: Transaction, former: Directory, changed: Directory) -> bool:
    """Write a directory over what it was; return False if another request changed it first."""
    before = _version(former)
    count = await transaction.execute(
        _UPDATE,
        organization=former.tenant.organization,
        project=former.tenant.project,
        id=former.id,
        former_updated_at=before,
        profile=changed.profile,
        authority=changed.authority,
        eab=changed.eab.value,
        rules=msgspec.json.encode(changed.rules),
        # Two changes of one moment are two versions all the same.
        updated_at=max(to_microseconds(transaction.now), before + 1),
    )
    return count == 1


async def delete(transaction: Transaction, directory: Directory) -> bool:
    """Take a directory away and keep its slug; return False if it is gone already."""
    count = await transaction.execute(
        _DELETE,
        organization=directory.tenant.organization,
        project=directory.tenant.project,
        id=directory.id,
        deleted_at=to_microseconds(transaction.now),
    )
    return count == 1


def _version(directory: Directory) -> int:
    return 0 if directory.updated_at is None else to_microseconds(directory.updated_at)


def _directory(row: Row) -> Directory:
    id_, organization, project, slug, profile, authority, eab, created_at, rules, updated_at = row
    return Directory(
        id=DirectoryId(id_),
        tenant=Tenant(OrganizationId(organization), ProjectId(project)),
        slug=slug,
        profile=profile,
        authority=authority,
        eab=ExternalAccountRule(eab),
        created_at=from_microseconds(created_at),
        rules=DirectoryRules() if rules is None else msgspec.json.decode(rules, type=DirectoryRules),
        updated_at=None if updated_at is None else from_microseconds(updated_at),
    )
