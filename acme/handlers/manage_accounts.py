"""Lists and deactivates the accounts of a directory, for those who manage it."""

from msgspec import Struct
from msgspec.structs import replace

from acme.accounts import Account, AccountStatus
from acme.directories import Directory
from acme.handlers.change_account import end_account
from acme.handlers.named_directory import directory_named
from acme.operations import AccountPage, DeactivateAccountById, ListAccounts
from acme.resources import directory_access
from acme.storage.accounts import AccountRows
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant


class AccountListing(Reader[ListAccounts, AccountPage]):
    """Lists the accounts of one directory, deactivated ones included."""

    def __init__(self, database: Database, accounts: AccountRows) -> None:
        self._database = database
        self._accounts = accounts

    async def prepare(self, call: Call, operation: ListAccounts) -> Prepared[AccountPage]:
        directory = await directory_named(self._database, call, operation.directory)
        found = await self._accounts.page(
            self._database, directory, after=operation.after or "", most=operation.limit + 1
        )
        page = tuple(found[: operation.limit])
        next_key = page[-1].id if len(found) > operation.limit else None
        return Prepared(AccountPage(page, next_key), (directory_access(operation.action, directory),))


class EndDraft(Struct, frozen=True):
    """Which account of which directory is to end."""

    directory: Directory
    account: str


class AccountEnding(Handler[DeactivateAccountById, EndDraft, Account, Account]):
    """Deactivates one account and everything of it that is still open."""

    def __init__(self, database: Database, accounts: AccountRows) -> None:
        self._database = database
        self._accounts = accounts

    async def prepare(self, call: Call, operation: DeactivateAccountById) -> Prepared[EndDraft]:
        directory = await directory_named(self._database, call, operation.directory)
        details = {"account": operation.account, "change": "deactivated"}
        access = directory_access(operation.action, directory)
        return Prepared(EndDraft(directory, operation.account), (access,), details)

    async def sign(self, call: Call, draft: EndDraft, grant: Grant) -> Account:
        # Only now may the caller know which accounts the directory has.
        del call, grant
        found = await self._accounts.find(self._database, draft.directory, draft.account)
        if found is None:
            raise NotFoundError("account")
        return found

    async def record(self, transaction: Transaction, call: Call, signed: Account) -> Account:
        del call
        if signed.status is AccountStatus.DEACTIVATED:
            return signed
        why = "The account was deactivated by the operator of its directory."
        ended = await end_account(self._accounts, transaction, signed, why)
        return ended or replace(signed, deactivated_at=transaction.now)
