"""Verifies external account bindings, counts their use, and stops accounts whose external one ended (S2)."""

import asyncio

from msgspec.structs import replace

from acme.accounts import Account
from acme.directories import Directory
from acme.errors import ExternalAccountEndedError, ExternalBindingError
from acme.external_keys import ExternalKey, ExternalKeyStatus
from acme.storage.external_keys import ExternalKeyRows
from acme.storage.tables import EXTERNAL_KEYS
from acme.wire.external_binding import REFUSED, parse_external_binding, verify_external_binding
from acme.wire.keys import AccountKey
from ca_service.custody.custody import Custody
from ca_service.custody.sealing import RecordName
from ca_service.database.port import Database, Transaction
from ca_service.gate.caller import Caller
from ca_service.gate.port import Sponsors
from ca_service.identity.errors import SponsorRefusedError

_WHY = {
    ExternalKeyStatus.DISABLED: "is disabled",
    ExternalKeyStatus.EXPIRED: "has expired",
    ExternalKeyStatus.USED_UP: "was used for as many accounts as it is for",
}


def record_name(key: ExternalKey) -> RecordName:
    """Return the name under which a HMAC key is sealed."""
    return RecordName(EXTERNAL_KEYS.name, key.id, 1)


class ExternalAccounts:
    """The external accounts of all directories, as far as the handlers and the door ask for them."""

    def __init__(self, database: Database, custody: Custody, sponsors: Sponsors) -> None:
        self._database = database
        self._custody = custody
        self._sponsors = sponsors
        self.rows = ExternalKeyRows(custody)

    async def verify(self, directory: Directory, binding: bytes, url: str, key: AccountKey) -> ExternalKey:
        """Return the key that binds the account of `key`, as a request to `url` shows.

        Raises MalformedError or ExternalBindingError; who has not shown a MAC is not told whether the key id
        exists.
        """
        unverified = parse_external_binding(binding, url)
        found = await self.rows.find(self._database, directory.tenant, directory.id, unverified.kid)
        if found is None:
            raise ExternalBindingError(REFUSED)
        sealer = await self._custody.sealer(found.tenant)
        hmac_key = sealer.open(record_name(found), found.sealed_key)
        verify_external_binding(unverified, hmac_key, key.thumbprint)
        _verify_active(found, found.status_at(self._database.now()))
        try:
            await self._sponsors.sponsor(found.identity)
        except SponsorRefusedError as error:
            raise ExternalBindingError(
                "The identity of this external account key is disabled or deleted; ask for another key."
            ) from error
        return found

    async def sponsor_of(self, account: Account) -> Caller | ExternalAccountEndedError | None:
        """Return the identity on whose behalf an account acts, and None for one that is bound to none.

        For an account whose external one ended the error is returned, not raised: more comes before it.
        """
        external = account.external
        if external is None:
            return None
        key, sponsor = await asyncio.gather(
            self.rows.find(self._database, account.tenant, account.directory, external.key),
            self._sponsor(external.identity),
        )
        if key is None or key.disabled_at is not None or key.identity != external.identity:
            return ExternalAccountEndedError(
                "The external account key by which this account was opened is disabled; ask the operator of "
                "the directory for another, and open a new account with it."
            )
        if sponsor is None:
            return ExternalAccountEndedError(
                "The identity that this account acts for is disabled or deleted; ask who administers it."
            )
        return sponsor

    async def _sponsor(self, identity: str) -> Caller | None:
        try:
            return await self._sponsors.sponsor(identity)
        except SponsorRefusedError:
            return None


async def count_use(rows: ExternalKeyRows, transaction: Transaction, key: ExternalKey) -> None:
    """Count one use of a key. Raises ExternalBindingError if it was disabled or used up in the meantime."""

    def use(current: ExternalKey) -> ExternalKey:
        _verify_active(current, current.status_at(transaction.now))
        return replace(current, uses=current.uses + 1)

    await rows.change(transaction, key, use)


def _verify_active(key: ExternalKey, status: ExternalKeyStatus) -> None:
    if status is not ExternalKeyStatus.ACTIVE:
        raise ExternalBindingError(
            f"The external account key {key.id} {_WHY[status]}; ask the operator for another."
        )
