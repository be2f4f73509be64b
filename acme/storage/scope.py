"""What every statement about a row of an account binds: tenant, directory and account together (S2, S12)."""

from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Table, bindparam

from acme.accounts import Account, AccountId
from acme.directories import DirectoryId
from ca_service.database.port import Value
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

#: The columns of a `Scope`, in the order in which `scope_of_row` reads them.
SCOPE = ("organization", "project", "directory", "account")


class Scope(Struct, frozen=True):
    """Where the rows of one account lie."""

    tenant: Tenant
    directory: DirectoryId
    account: AccountId

    def parameters(self) -> dict[str, Value]:
        """Return what `is_owned` binds."""
        return {
            "organization": self.tenant.organization,
            "project": self.tenant.project,
            "directory": self.directory,
            "account": self.account,
        }


def scope_of(account: Account) -> Scope:
    """Return where an account's rows lie."""
    return Scope(account.tenant, account.directory, account.id)


def scope_of_row(row: tuple[Any, ...]) -> Scope:
    """Return the scope that starts a row selected with `scope_columns` in front."""
    organization, project, directory, account = row[:4]
    return Scope(
        Tenant(OrganizationId(organization), ProjectId(project)), DirectoryId(directory), AccountId(account)
    )


def is_owned(table: Table) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that keep a statement inside one scope."""
    return tuple(table.c[name] == bindparam(name) for name in SCOPE)


def is_owned_alike(table: Table, other: Table) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that keep a join inside one scope."""
    return tuple(table.c[name] == other.c[name] for name in SCOPE)


def is_in_project(table: Table) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that keep a statement inside one tenant, for jobs that know no account."""
    return (
        table.c.organization == bindparam("organization"),
        table.c.project == bindparam("project"),
    )
