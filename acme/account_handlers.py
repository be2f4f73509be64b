"""The handlers of accounts and of the keys that bind them to external ones."""

from typing import Any

from acme.external_accounts import ExternalAccounts
from acme.handlers.change_account import AccountDeactivation, AccountReading, AccountUpdate
from acme.handlers.change_key import KeyChange
from acme.handlers.create_account import AccountCreation
from acme.handlers.manage_accounts import AccountEnding, AccountListing
from acme.handlers.manage_external_keys import (
    ExternalKeyCreation,
    ExternalKeyDisabling,
    ExternalKeyListing,
    ExternalKeyReading,
)
from acme.operations import (
    ChangeAccountKey,
    CreateAccount,
    CreateExternalKey,
    DeactivateAccount,
    DeactivateAccountById,
    DisableExternalKey,
    ListAccounts,
    ListExternalKeys,
    ReadAccount,
    ReadExternalKey,
    UpdateAccount,
)
from acme.storage.accounts import AccountRows
from ca_service.gate.operation import Operation
from ca_service.web.module import AnyHandler, Ground


def account_handlers(ground: Ground, external: ExternalAccounts) -> dict[type[Operation[Any]], AnyHandler]:
    """Return what answers each operation on accounts and external account keys."""
    database, custody = ground.database, ground.custody
    accounts = AccountRows(custody)
    return {
        CreateAccount: AccountCreation(database, ground.gate, external, accounts),
        ReadAccount: AccountReading(database, accounts),
        UpdateAccount: AccountUpdate(database, accounts),
        DeactivateAccount: AccountDeactivation(database, accounts),
        ChangeAccountKey: KeyChange(database, ground.gate, accounts),
        ListAccounts: AccountListing(database, accounts),
        DeactivateAccountById: AccountEnding(database, accounts),
        CreateExternalKey: ExternalKeyCreation(
            database, custody, ground.sponsors, ground.identifiers, ground.randomness
        ),
        ListExternalKeys: ExternalKeyListing(database, custody),
        ReadExternalKey: ExternalKeyReading(database, custody),
        DisableExternalKey: ExternalKeyDisabling(database, custody),
    }
