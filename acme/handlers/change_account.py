"""Reads, changes and deactivates the calling account (RFC 8555 sections 7.3.2 and 7.3.6)."""

from msgspec.structs import replace

from acme.accounts import Account
from acme.callers import scope_of
from acme.challenges import ChallengeFailure
from acme.errors import UnauthorizedError
from acme.operations import DeactivateAccount, ReadAccount, UpdateAccount
from acme.resources import account_access
from acme.storage import accounts, challenges, orders
from acme.storage import scope as scopes
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.policy.values import Grant

_GONE = "The account was deactivated in the meantime; make another with a new key."


async def calling_account(database: Database, call: Call) -> Account:
    """Return the account that calls. Raises NotFoundError."""
    account = await accounts.find_in(database, scope_of(call))
    if account is None:
        raise NotFoundError("account")
    return account


class AccountReading(Reader[ReadAccount, Account]):
    """Answers the calling account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadAccount) -> Prepared[Account]:
        account = await calling_account(self._database, call)
        return Prepared(account, (account_access(operation.action, scope_of(call)),))


class AccountUpdate(Handler[UpdateAccount, Account, Account, Account]):
    """Replaces the contacts; the draft is the account as it will be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: UpdateAccount) -> Prepared[Account]:
        account = await calling_account(self._database, call)
        draft = replace(account, contact=operation.contact)
        return Prepared(
            draft,
            (account_access(operation.action, scope_of(call)),),
            {"account": account.id, "change": "contact"},
        )

    async def sign(self, call: Call, draft: Account, grant: Grant) -> Account:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Account) -> Account:
        del call
        if not await accounts.set_contact(transaction, signed, signed.contact):
            raise UnauthorizedError(_GONE)
        return signed


class AccountDeactivation(Handler[DeactivateAccount, Account, Account, Account]):
    """Deactivates the account and everything of it that is still open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: DeactivateAccount) -> Prepared[Account]:
        account = await calling_account(self._database, call)
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
        if not await accounts.deactivate(transaction, signed):
            raise UnauthorizedError(_GONE)
        scope = scopes.scope_of(signed)
        failure = ChallengeFailure("unauthorized", "The account was deactivated.")
        await orders.fail_all(transaction, scope, failure)
        await challenges.deactivate_all(transaction, scope)
        return signed
