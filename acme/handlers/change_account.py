"""Reads, changes and deactivates the calling account (RFC 8555 sections 7.3.2 and 7.3.6)."""

from msgspec.structs import replace

from acme.accounts import Account, AccountStatus
from acme.callers import scope_of
from acme.challenges import ChallengeFailure
from acme.errors import UnauthorizedError
from acme.operations import DeactivateAccount, ReadAccount, UpdateAccount
from acme.resources import account_access
from acme.storage import authorizations, directories, orders
from acme.storage import scope as scopes
from acme.storage.accounts import AccountRows
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant

_GONE = "The account was deactivated in the meantime; make another with a new key."


async def calling_account(database: Database, accounts: AccountRows, call: Call) -> Account:
    """Return the account that calls. Raises NotFoundError."""
    account = await accounts.find_in(database, scope_of(call))
    if account is None:
        raise NotFoundError("account")
    return account


class AccountReading(Reader[ReadAccount, Account]):
    """Answers the calling account."""

    def __init__(self, database: Database, accounts: AccountRows) -> None:
        self._database = database
        self._accounts = accounts

    async def prepare(self, call: Call, operation: ReadAccount) -> Prepared[Account]:
        account = await calling_account(self._database, self._accounts, call)
        return Prepared(account, (account_access(operation.action, scope_of(call)),))


class AccountUpdate(Handler[UpdateAccount, Account, Account, Account]):
    """Replaces contacts and takes agreement to the terms; the draft is the account as it will be."""

    def __init__(self, database: Database, accounts: AccountRows) -> None:
        self._database = database
        self._accounts = accounts

    async def prepare(self, call: Call, operation: UpdateAccount) -> Prepared[Account]:
        account = await calling_account(self._database, self._accounts, call)
        draft, changes = account, []
        if operation.contact is not None:
            draft, changes = replace(draft, contact=operation.contact), ["contact"]
        if operation.terms_agreed:
            directory = await directories.find(self._database, call.home, account.directory)
            terms = None if directory is None else directory.rules.terms_of_service
            draft, changes = replace(draft, terms_agreed=terms or draft.terms_agreed), [*changes, "terms"]
        return Prepared(
            draft,
            (account_access(operation.action, scope_of(call)),),
            {"account": account.id, "change": " and ".join(changes)},
        )

    async def sign(self, call: Call, draft: Account, grant: Grant) -> Account:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Account) -> Account:
        del call

        def change(current: Account) -> Account | None:
            if current.status is not AccountStatus.VALID:
                return None
            return replace(current, contact=signed.contact, terms_agreed=signed.terms_agreed)

        changed = await self._accounts.change(transaction, signed, change)
        if changed is None:
            raise UnauthorizedError(_GONE)
        return changed


class AccountDeactivation(Handler[DeactivateAccount, Account, Account, Account]):
    """Deactivates the account and everything of it that is still open."""

    def __init__(self, database: Database, accounts: AccountRows) -> None:
        self._database = database
        self._accounts = accounts

    async def prepare(self, call: Call, operation: DeactivateAccount) -> Prepared[Account]:
        account = await calling_account(self._database, self._accounts, call)
        draft = replace(account, deactivated_at=call.now)
        return Prepared(
            draft,
            (account_access(operation.action, scope_of(call)),),
            {"account": account.id, "change": "deactivated"},
        )

    async def sign(self, call: Call, draft: Account, grant: Grant) -> Account:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Account) -> Account:
        del call
        ended = await end_account(self._accounts, transaction, signed, "The account was deactivated.")
        if ended is None:
            raise UnauthorizedError(_GONE)
        return ended


async def end_account(
    accounts: AccountRows, transaction: Transaction, account: Account, why: str
) -> Account | None:
    """Deactivate an account with its open orders and authorizations; return None if it was before."""

    def end(current: Account) -> Account | None:
        if current.status is not AccountStatus.VALID:
            return None
        return replace(current, deactivated_at=transaction.now)

    ended = await accounts.change(transaction, account, end)
    if ended is None:
        return None
    scope = scopes.scope_of(account)
    await orders.fail_all(transaction, scope, ChallengeFailure("unauthorized", why))
    await authorizations.deactivate_all(transaction, scope)
    return ended
