"""Rows of accounts. Each carries a tag over all its columns, so that none is bound to another identity (S5).

A row without a tag is refused like an edited one: if it were taken as older than tags are, who edits the
database could free an account from its external one by clearing both.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from sqlalchemy import bindparam, select, update

from acme.accounts import Account, AccountId, ExternalAccount
from acme.directories import Directory, DirectoryId
from acme.external_keys import ExternalKeyId
from acme.storage.scope import Scope
from acme.storage.tables import ACCOUNTS as T
from ca_service.custody.custody import Custody
from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

_Column: TypeAlias = str | int | bytes | None

_COLUMNS = (
    "id",
    "organization",
    "project",
    "directory",
    "thumbprint",
    "jwk",
    "contact",
    "created_at",
    "deactivated_at",
    "terms_agreed",
    "external_key",
    "identity",
    "external_binding",
)
#: What a change may write; what an account is bound to stays as it was made.
_CHANGING = ("thumbprint", "jwk", "contact", "deactivated_at", "terms_agreed", "mac")
_IN_DIRECTORY = (
    T.c.organization == bindparam("organization"),
    T.c.project == bindparam("project"),
    T.c.directory == bindparam("directory"),
)
_SELECT = select(*(T.c[name] for name in _COLUMNS), T.c.mac)
_FIND = statement(_SELECT.where(*_IN_DIRECTORY, T.c.id == bindparam("id")))
_FIND_BY_KEY = statement(_SELECT.where(*_IN_DIRECTORY, T.c.thumbprint == bindparam("thumbprint")))
_IS_USABLE = statement(
    select(T.c.id).where(
        *_IN_DIRECTORY,
        T.c.id == bindparam("account"),
        T.c.thumbprint == bindparam("thumbprint"),
        T.c.deactivated_at.is_(None),
    )
)
_INSERT = statement(insert_if_absent(T, *_COLUMNS, "mac", conflict=("directory", "thumbprint")))
_LIST = statement(
    _SELECT.where(*_IN_DIRECTORY, T.c.id > bindparam("after")).order_by(T.c.id).limit(bindparam("most"))
)
_IS_MEANT = (*_IN_DIRECTORY, T.c.id == bindparam("account"))
# Changes nothing and locks the row on PostgreSQL until the transaction ends; SQLite has one writer anyway.
_LOCK = statement(update(T).where(*_IS_MEANT).values(created_at=T.c.created_at))
_REPLACE = statement(
    update(T).where(*_IS_MEANT).values({name: bindparam(f"new_{name}") for name in _CHANGING})
)


class AccountRows:
    """Accounts of all directories. Reading raises IntegrityError for a row that was changed outside."""

    def __init__(self, custody: Custody) -> None:
        self._mac = RowMac(custody, T.name)

    async def find(self, database: Database, directory: Directory, account: str) -> Account | None:
        """Return an account of this directory by its id."""
        row = await database.read_one(_FIND, id=account, **_in(directory.tenant, directory.id))
        return None if row is None else self._read(row)

    async def find_in(self, database: Database, scope: Scope) -> Account | None:
        """Return the account that a scope belongs to."""
        row = await database.read_one(_FIND, id=scope.account, **_in(scope.tenant, scope.directory))
        return None if row is None else self._read(row)

    async def find_by_key(
        self, database: Database, tenant: Tenant, directory: DirectoryId, thumbprint: str
    ) -> Account | None:
        """Return the account of this directory that a key owns."""
        row = await database.read_one(_FIND_BY_KEY, thumbprint=thumbprint, **_in(tenant, directory))
        return None if row is None else self._read(row)

    async def page(self, database: Database, directory: Directory, *, after: str, most: int) -> list[Account]:
        """Return accounts of this directory in the order of their ids, from the one after `after` on."""
        place = _in(directory.tenant, directory.id)
        return [self._read(row) for row in await database.read(_LIST, after=after, most=most, **place)]

    async def add(self, transaction: Transaction, account: Account) -> bool:
        """Write a new account; return False if the key has one already."""
        columns = _columns(account)
        return await transaction.execute(_INSERT, **columns, mac=self._tag(columns)) == 1

    async def change(
        self, transaction: Transaction, account: Account, change: Callable[[Account], Account | None]
    ) -> Account | None:
        """Write what `change` makes of an account, and return it; of None nothing is written.

        The row is locked first, so `change` sees what every earlier transaction left. Raises
        UniqueViolationError if another account of the directory has the new key.
        """
        place = _in(account.tenant, account.directory)
        await transaction.execute(_LOCK, account=account.id, **place)
        row = await transaction.fetch_one(_FIND, id=account.id, **place)
        new = None if row is None else change(self._read(row))
        if new is not None:
            columns = _columns(new)
            tagged = {**columns, "mac": self._tag(columns)}
            written = {f"new_{name}": tagged[name] for name in _CHANGING}
            await transaction.execute(_REPLACE, account=account.id, **place, **written)
            transaction.announce()
        return new

    def require_usable(
        self, transaction: Transaction, account: Account, otherwise: Callable[[], Exception]
    ) -> None:
        """Let the transaction end with `otherwise()` unless the account still is valid and has this key."""
        transaction.require(
            _IS_USABLE,
            otherwise,
            account=account.id,
            thumbprint=account.thumbprint,
            **_in(account.tenant, account.directory),
        )

    def _read(self, row: Row) -> Account:
        id_, organization, project, directory, thumbprint, jwk, contact, created_at, deactivated_at = row[:9]
        terms_agreed, external_key, identity, binding, mac = row[9:]
        raw = (*row[:5], bytes(jwk), bytes(contact), *row[7:12], None if binding is None else bytes(binding))
        try:
            self._mac.verify(b"" if mac is None else bytes(mac), *raw)
        except IntegrityError as error:
            raise IntegrityError(
                f"The row of the ACME account {id_} does not match its tag: it was changed outside Keywright."
            ) from error
        return Account(
            id=AccountId(id_),
            tenant=Tenant(OrganizationId(organization), ProjectId(project)),
            directory=DirectoryId(directory),
            thumbprint=thumbprint,
            jwk=bytes(jwk),
            contact=msgspec.json.decode(contact, type=tuple[str, ...]),
            created_at=from_microseconds(created_at),
            deactivated_at=None if deactivated_at is None else from_microseconds(deactivated_at),
            terms_agreed=terms_agreed,
            external=None
            if external_key is None
            else ExternalAccount(ExternalKeyId(external_key), identity, bytes(binding)),
        )

    def _tag(self, columns: Mapping[str, _Column]) -> bytes:
        return self._mac.tag(*columns.values())


def _in(tenant: Tenant, directory: DirectoryId) -> dict[str, str]:
    return {"organization": tenant.organization, "project": tenant.project, "directory": directory}


def _columns(account: Account) -> dict[str, _Column]:
    """Return the columns in the order in which they are tagged."""
    external = account.external
    return {
        "id": account.id,
        **_in(account.tenant, account.directory),
        "thumbprint": account.thumbprint,
        "jwk": account.jwk,
        "contact": msgspec.json.encode(account.contact),
        "created_at": to_microseconds(account.created_at),
        "deactivated_at": None if account.deactivated_at is None else to_microseconds(account.deactivated_at),
        "terms_agreed": account.terms_agreed,
        "external_key": None if external is None else external.key,
        "identity": None if external is None else external.identity,
        "external_binding": None if external is None else external.binding,
    }
