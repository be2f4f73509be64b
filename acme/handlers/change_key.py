"""Changes the key of the calling account (RFC 8555 section 7.3.5); orders and authorizations stay."""

import json

from msgspec import Struct
from msgspec.structs import replace

from acme.accounts import Account, AccountStatus
from acme.callers import scope_of
from acme.errors import KeyChangedError, KeyInUseError
from acme.handlers.change_account import calling_account
from acme.operations import ChangeAccountKey
from acme.resources import account_access
from acme.storage.accounts import AccountRows
from acme.wire.keys import AccountKey, parse_jwk
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.port import Child, Gate
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Grant
from ca_service.x509.operations import ReserveAccountKey

_CHANGED = "Another request changed the key or the status of this account in the meantime; nothing was done."


class KeyDraft(Struct, frozen=True):
    """The account with the key that it has, and the one that it shall have."""

    account: Account
    new: AccountKey


class SignedKey(Struct, frozen=True):
    """The same, and what keeps the new key from being certified."""

    draft: KeyDraft
    reservation: Child[None]


class KeyChange(Handler[ChangeAccountKey, KeyDraft, SignedKey, Account]):
    """Gives an account another key. Of several changes at once, the first to be written wins."""

    def __init__(self, database: Database, gate: Gate, accounts: AccountRows) -> None:
        self._database = database
        self._gate = gate
        self._accounts = accounts

    async def prepare(self, call: Call, operation: ChangeAccountKey) -> Prepared[KeyDraft]:
        account = await calling_account(self._database, self._accounts, call)
        if account.thumbprint != call.caller.credential:
            raise KeyChangedError(_CHANGED)
        new = parse_jwk(json.loads(operation.jwk))
        if new.thumbprint == account.thumbprint:
            raise MalformedError("The new key is the one that the account has; make another.")
        owner = await self._accounts.find_by_key(
            self._database, account.tenant, account.directory, new.thumbprint
        )
        if owner is not None:
            raise KeyInUseError(owner.id)
        details = {"account": account.id, "old": account.thumbprint, "new": new.thumbprint}
        access = account_access(operation.action, scope_of(call))
        return Prepared(KeyDraft(account, new), (access,), details)

    async def sign(self, call: Call, draft: KeyDraft, grant: Grant) -> SignedKey:
        del grant
        reserve = ReserveAccountKey(project=call.home.project, public_key_der=draft.new.der)
        return SignedKey(draft, await self._gate.prepare(call, reserve))

    async def record(self, transaction: Transaction, call: Call, signed: SignedKey) -> Account:
        del call
        former, new = signed.draft.account, signed.draft.new

        def change(current: Account) -> Account | None:
            if current.status is not AccountStatus.VALID or current.thumbprint != former.thumbprint:
                return None
            return replace(current, thumbprint=new.thumbprint, jwk=new.jwk)

        try:
            changed = await self._accounts.change(transaction, former, change)
        except UniqueViolationError as error:
            raise KeyChangedError(
                "Another account took the new key in the meantime; send the request again."
            ) from error
        if changed is None:
            raise KeyChangedError(_CHANGED)
        await self._gate.record(transaction, signed.reservation)
        return changed
