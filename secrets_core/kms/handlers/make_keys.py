"""Makes keys, and the next versions of keys."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.gate.principals import caller_name
from ca_service.governance.slugs import parse_slug
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Grant
from secrets_core.kms.accesses import key_access
from secrets_core.kms.catalogue import Catalogue
from secrets_core.kms.errors import KeyChangedError, KeyNameTakenError
from secrets_core.kms.keys import KeyVersion, KmsKey, parse_description, rotated_key, verify_stays
from secrets_core.kms.material import make_version
from secrets_core.kms.operations import CreateKmsKey, RotateKmsKey
from secrets_core.kms.storage.keys import insert_key, update_key
from secrets_core.kms.storage.versions import insert_version


class MadeVersion(Struct, frozen=True):
    """A key with a version to be recorded."""

    key: KmsKey
    version: KeyVersion


class CreateKeyHandler(Handler[CreateKmsKey, KmsKey, MadeVersion, KmsKey]):
    """Makes one key."""

    def __init__(self, catalogue: Catalogue, identifiers: Identifiers) -> None:
        self._catalogue = catalogue
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateKmsKey) -> Prepared[KmsKey]:
        """Ask about the key as it will be, so that policies may speak of its name."""
        key = KmsKey(
            id=self._identifiers.new("kmk"),
            tenant=call.home,
            name=parse_slug(operation.name, field="name"),
            algorithm=operation.algorithm,
            description=parse_description(operation.description),
            is_enabled=True,
            version=1,
            minimum_version=1,
            created_at=call.now,
            created_by=caller_name(call.caller),
            updated_at=call.now,
        )
        details = {"key": key.name, "algorithm": key.algorithm.value, "id": key.id}
        return Prepared(key, (key_access(operation.action, key),), details)

    async def sign(self, call: Call, draft: KmsKey, grant: Grant) -> MadeVersion:
        """Make the material."""
        del grant
        made = await make_version(self._catalogue.custody, draft, call.now, draft.created_by)
        return MadeVersion(draft, made)

    async def record(self, transaction: Transaction, call: Call, signed: MadeVersion) -> KmsKey:
        """Keep both."""
        del call
        try:
            await insert_key(transaction, self._catalogue.key_mac, signed.key)
        except UniqueViolationError as error:
            raise KeyNameTakenError from error
        await insert_version(transaction, self._catalogue.version_mac, signed.version)
        return signed.key


class RotateKeyHandler(Handler[RotateKmsKey, KmsKey, MadeVersion, KmsKey]):
    """Makes the next version of one key."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: RotateKmsKey) -> Prepared[KmsKey]:
        """Find it."""
        key = await self._catalogue.read(call.home, operation.key)
        return Prepared(key, (key_access(operation.action, key),), {"key": key.name})

    async def sign(self, call: Call, draft: KmsKey, grant: Grant) -> MadeVersion:
        """Make the material."""
        del grant
        verify_stays(draft)
        rotated = rotated_key(draft, call.now)
        by = caller_name(call.caller)
        return MadeVersion(rotated, await make_version(self._catalogue.custody, rotated, call.now, by))

    async def record(self, transaction: Transaction, call: Call, signed: MadeVersion) -> KmsKey:
        """Write the key over the revision it was read at, and keep the version."""
        del call
        if not await update_key(transaction, self._catalogue.key_mac, signed.key):
            raise KeyChangedError
        await insert_version(transaction, self._catalogue.version_mac, signed.version)
        await self._catalogue.announce_change(transaction)
        return signed.key

    def details(self, answer: KmsKey) -> Mapping[str, Any]:
        """Return which version was made."""
        return {"version": answer.version}
