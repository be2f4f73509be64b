"""Opens accounts (RFC 8555 section 7.3)."""

import json

from acme.accounts import Account, AccountId
from acme.directories import ExternalAccountRule
from acme.errors import (
    AccountTakenError,
    DirectoryNotFoundError,
    ExternalAccountRequiredError,
    UnauthorizedError,
)
from acme.operations import CreateAccount, MadeAccount
from acme.resources import directory_access
from acme.storage import accounts, directories
from acme.wire.keys import parse_jwk
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.policy.values import Grant


class AccountCreation(Handler[CreateAccount, MadeAccount, MadeAccount, MadeAccount]):
    """Opens one account, or finds the one that the key has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: CreateAccount) -> Prepared[MadeAccount]:
        directory = await directories.find(self._database, call.home, operation.directory)
        if directory is None:
            raise DirectoryNotFoundError
        key = parse_jwk(json.loads(operation.jwk))
        if key.thumbprint != call.caller.credential:
            raise UnauthorizedError("An account is opened by the key that it is for.")
        access = directory_access(operation.action, directory)
        existing = await accounts.find_by_key(self._database, directory, key.thumbprint)
        if existing is not None:
            return Prepared(MadeAccount(existing, is_new=False), (access,), {"account": existing.id})
        if directory.eab is ExternalAccountRule.REQUIRED:
            raise ExternalAccountRequiredError(
                "This directory takes only accounts bound to an external one; ask its operator for a key id."
            )
        account = Account(
            id=AccountId(call.caller.id),
            tenant=call.home,
            directory=directory.id,
            thumbprint=key.thumbprint,
            jwk=key.jwk,
            contact=operation.contact,
            created_at=call.now,
        )
        details = {"account": account.id, "thumbprint": key.thumbprint}
        return Prepared(MadeAccount(account, is_new=True), (access,), details)

    async def sign(self, call: Call, draft: MadeAccount, grant: Grant) -> MadeAccount:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: MadeAccount) -> MadeAccount:
        del call
        if signed.is_new and not await accounts.add(transaction, signed.account):
            raise AccountTakenError("Another request opened an account for this key; send this one again.")
        return signed
