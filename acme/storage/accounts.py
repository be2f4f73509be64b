"""Rows of accounts."""

import msgspec
from sqlalchemy import bindparam, select, update

from acme.accounts import Account, AccountId
from acme.directories import Directory, DirectoryId
from acme.storage.scope import Scope
from acme.storage.tables import ACCOUNTS as T
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

_COLUMNS = (
    T.c.id,
    T.c.organization,
    T.c.project,
    T.c.directory,
    T.c.thumbprint,
    T.c.jwk,
    T.c.contact,
    T.c.created_at,
    T.c.deactivated_at,
)
_IN_DIRECTORY = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.directory == bindparam("directory"),
)
_FIND = statement(select(*_COLUMNS).where(*_IN_DIRECTORY, T.c.id == bindparam("id")))
_FIND_BY_KEY = statement(select(*_COLUMNS).where(*_IN_DIRECTORY, T.c.thumbprint == bindparam("thumbprint")))
_INSERT = statement(
    insert_if_absent(
        T,
        "id",
        "organization",
        "project",
        "directory",
        "thumbprint",
        "jwk",
        "contact",
        "created_at",
        conflict=("directory", "thumbprint"),
    )
)
_SET_CONTACT = statement(
    update(T)
    .where(*_IN_DIRECTORY, T.c.id == bindparam("account"), T.c.deactivated_at.is_(None))
    .values(contact=bindparam("new_contact"))
)
_DEACTIVATE = statement(
    update(T)
    .where(*_IN_DIRECTORY, T.c.id == bindparam("account"), T.c.deactivated_at.is_(None))
    .values(deactivated_at=bindparam("now"))
)


async def find(database: Database, directory: Directory, account: str) -> Account | None:
    """Return an account of this directory by its id."""
    row = await database.read_one(_FIND, id=account, **_in(directory.tenant, directory.id))
    return None if row is None else _account(row)


async def find_in(database: Database, scope: Scope) -> Account | None:
    """Return the account that a scope belongs to."""
    row = await database.read_one(_FIND, id=scope.account, **_in(scope.tenant, scope.directory))
    return None if row is None else _account(row)


async def find_by_key(database: Database, directory: Directory, thumbprint: str) -> Account | None:
    """Return the account of this directory that a key owns."""
    row = await database.read_one(_FIND_BY_KEY, thumbprint=thumbprint, **_in(directory.tenant, directory.id))
    return None if row is None else _account(row)


async def add(transaction: Transaction, account: Account) -> bool:
    """Write a new account; return False if the key has one already."""
    changed = await transaction.execute(
        _INSERT,
        id=account.id,
        **_in(account.tenant, account.directory),
        thumbprint=account.thumbprint,
        jwk=account.jwk,
        contact=msgspec.json.encode(account.contact),
        created_at=to_microseconds(account.created_at),
    )
    return changed == 1


async def set_contact(transaction: Transaction, account: Account, contact: tuple[str, ...]) -> bool:
    """Replace the contacts of a valid account; return False if it is no longer valid."""
    changed = await transaction.execute(
        _SET_CONTACT,
        account=account.id,
        **_in(account.tenant, account.directory),
        new_contact=msgspec.json.encode(contact),
    )
    return changed == 1


async def deactivate(transaction: Transaction, account: Account) -> bool:
    """Deactivate an account for good; return False if it was deactivated before."""
    changed = await transaction.execute(
        _DEACTIVATE,
        account=account.id,
        **_in(account.tenant, account.directory),
        now=to_microseconds(transaction.now),
    )
    return changed == 1


def _in(tenant: Tenant, directory: DirectoryId) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project, "directory": directory}


def _account(row: Row) -> Account:
    id_, organization, project, directory, thumbprint, jwk, contact, created_at, deactivated_at = row
    return Account(
        id=AccountId(id_),
        tenant=Tenant(OrganizationId(organization), ProjectId(project)),
        directory=DirectoryId(directory),
        thumbprint=thumbprint,
        jwk=bytes(jwk),
        contact=msgspec.json.decode(contact, type=tuple[str, ...]),
        created_at=from_microseconds(created_at),
        deactivated_at=None if deactivated_at is None else from_microseconds(deactivated_at),
    )
