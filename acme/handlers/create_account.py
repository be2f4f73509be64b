"""Opens accounts (RFC 8555 section 7.3), bound to external ones where they are offered (section 7.3.4)."""

import json

from msgspec import Struct
from msgspec.structs import replace

from acme.accounts import Account, AccountId, ExternalAccount, verify_terms
from acme.directories import Directory, ExternalAccountRule
from acme.errors import (
    AccountTakenError,
    DirectoryNotFoundError,
    ExternalAccountRequiredError,
    UnauthorizedError,
)
from acme.external_accounts import ExternalAccounts, count_use
from acme.external_keys import ExternalKey
from acme.operations import CreateAccount, MadeAccount
from acme.resources import directory_access
from acme.storage import directories
from acme.storage.accounts import AccountRows
from acme.wire.keys import AccountKey, parse_jwk
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.port import Child, Gate
from ca_service.policy.values import Grant
from ca_service.x509.operations import ReserveAccountKey


class AccountDraft(Struct, frozen=True):
    """An account that is new or was found.

    Of a new one its key as the certificate authority knows keys, and the one that binds it to an external
    account.
    """

    made: MadeAccount
    key_der: bytes = b""
    external_key: ExternalKey | None = None


class SignedAccount(Struct, frozen=True):
    """The same, and what keeps a new account's key from being certified."""

    draft: AccountDraft
    reservation: Child[None] | None


class AccountCreation(Handler[CreateAccount, AccountDraft, SignedAccount, MadeAccount]):
    """Opens one account, or finds the one that the key has. Its key is certified no more (section 11.1)."""

    def __init__(
        self, database: Database, gate: Gate, external: ExternalAccounts, accounts: AccountRows
    ) -> None:
        self._database = database
        self._gate = gate
        self._accounts = accounts
        self._external = external

    async def prepare(self, call: Call, operation: CreateAccount) -> Prepared[AccountDraft]:
        directory = await directories.find(self._database, call.home, operation.directory)
        if directory is None:
            raise DirectoryNotFoundError
        key = parse_jwk(json.loads(operation.jwk))
        if key.thumbprint != call.caller.credential:
            raise UnauthorizedError("An account is opened by the key that it is for.")
        access = directory_access(operation.action, directory)
        existing = await self._accounts.find_by_key(self._database, call.home, directory.id, key.thumbprint)
        if existing is not None:
            made = MadeAccount(existing, is_new=False)
            return Prepared(AccountDraft(made), (access,), {"account": existing.id})
        verify_terms(directory, directory.rules.terms_of_service if operation.terms_agreed else None)
        draft = await self._bound(directory, key, operation, _new_account(call, directory, key, operation))
        account = draft.made.account
        details = {"account": account.id, "thumbprint": key.thumbprint}
        if account.external is not None:
            details |= {"external_key": account.external.key, "identity": account.external.identity}
        return Prepared(draft, (access,), details)

    async def sign(self, call: Call, draft: AccountDraft, grant: Grant) -> SignedAccount:
        del grant
        if not draft.made.is_new:
            return SignedAccount(draft, None)
        reserve = ReserveAccountKey(project=call.home.project, public_key_der=draft.key_der)
        return SignedAccount(draft, await self._gate.prepare(call, reserve))

    async def record(self, transaction: Transaction, call: Call, signed: SignedAccount) -> MadeAccount:
        del call
        made, external_key = signed.draft.made, signed.draft.external_key
        if made.is_new and not await self._accounts.add(transaction, made.account):
            raise AccountTakenError("Another request opened an account for this key; send this one again.")
        if signed.reservation is not None:
            await self._gate.record(transaction, signed.reservation)
        if external_key is not None:
            await count_use(self._external.rows, transaction, external_key)
        return made

    async def _bound(
        self, directory: Directory, key: AccountKey, operation: CreateAccount, account: Account
    ) -> AccountDraft:
        """Return a new account bound as the request says. Raises if it must be bound and is not."""
        if operation.external_binding is None:
            if directory.eab is ExternalAccountRule.REQUIRED:
                raise ExternalAccountRequiredError(
                    "This directory takes only accounts bound to an external one; ask its operator for a key."
                )
            return AccountDraft(MadeAccount(account, is_new=True), key.der)
        external_key = await self._external.verify(
            directory, operation.external_binding, operation.binding_url, key
        )
        external = ExternalAccount(external_key.id, external_key.identity, operation.external_binding)
        made = MadeAccount(replace(account, external=external), is_new=True)
        return AccountDraft(made, key.der, external_key)


def _new_account(call: Call, directory: Directory, key: AccountKey, operation: CreateAccount) -> Account:
    return Account(
        id=AccountId(call.caller.id),
        tenant=call.home,
        directory=directory.id,
        thumbprint=key.thumbprint,
        jwk=key.jwk,
        contact=operation.contact,
        created_at=call.now,
        terms_agreed=directory.rules.terms_of_service,
    )
