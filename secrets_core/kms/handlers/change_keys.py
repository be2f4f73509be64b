"""Changes keys, schedules their deletion, restores them, and destroys them when their wait is over."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.policy.values import Access, Grant
from secrets_core.kms.accesses import key_access
from secrets_core.kms.catalogue import Catalogue
from secrets_core.kms.errors import KeyChangedError, KeyEndingError, KeyNameTakenError
from secrets_core.kms.keys import KmsKey, changed_key, ending_key, restored_key, verify_stays
from secrets_core.kms.operations import DestroyKmsKey, RestoreKmsKey, ScheduleKmsKeyDeletion, UpdateKmsKey
from secrets_core.kms.storage.keys import delete_key, update_key
from secrets_core.kms.storage.versions import delete_versions

C = TypeVar("C", UpdateKmsKey, ScheduleKmsKeyDeletion, RestoreKmsKey, DestroyKmsKey)


class Change(Struct, Generic[C], frozen=True):
    """A key as it was read, and what is asked of it."""

    key: KmsKey
    operation: C


class KeyChange(Handler[C, Change[C], KmsKey, KmsKey], Generic[C]):
    """Changes the row of one key; what is asked is looked at only once it is permitted."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def prepare(self, call: Call, operation: C) -> Prepared[Change[C]]:
        """Find the key."""
        key = await self._catalogue.read(call.home, operation.key)
        return Prepared(Change(key, operation), self.accesses(key, operation), {"key": key.name})

    def accesses(self, key: KmsKey, operation: C) -> tuple[Access, ...]:
        """Return the questions to the policy."""
        return (key_access(operation.action, key),)

    async def sign(self, call: Call, draft: Change[C], grant: Grant) -> KmsKey:
        """Return the key as it will be; nothing is signed."""
        del grant
        return self.changed(call, draft.key, draft.operation)

    @abstractmethod
    def changed(self, call: Call, key: KmsKey, operation: C) -> KmsKey:
        """Return the key as it will be."""

    async def record(self, transaction: Transaction, call: Call, signed: KmsKey) -> KmsKey:
        """Write it over the revision it was read at."""
        del call
        try:
            was_there = await update_key(transaction, self._catalogue.key_mac, signed)
        except UniqueViolationError as error:
            raise KeyNameTakenError(field="new_name") from error
        if not was_there:
            raise KeyChangedError
        await self._catalogue.announce_change(transaction)
        return signed


class UpdateKeyHandler(KeyChange[UpdateKmsKey]):
    """Changes name, description, minimum version, and whether the key is enabled."""

    def accesses(self, key: KmsKey, operation: UpdateKmsKey) -> tuple[Access, ...]:
        """Ask about the key under both names: policies may speak of either."""
        asked = super().accesses(key, operation)
        if operation.changes.name is None:
            return asked
        renamed = msgspec.structs.replace(key, name=operation.changes.name)
        access = msgspec.structs.replace(key_access(operation.action, renamed), field="new_name")
        return (*asked, access)

    def changed(self, call: Call, key: KmsKey, operation: UpdateKmsKey) -> KmsKey:
        """Put the changes over what is."""
        verify_stays(key)
        return changed_key(key, operation.changes, call.now)

    def details(self, answer: KmsKey) -> Mapping[str, Any]:
        """Return how it stands now."""
        return {
            "name": answer.name,
            "is_enabled": answer.is_enabled,
            "minimum_version": answer.minimum_version,
        }


class ScheduleDeletionHandler(KeyChange[ScheduleKmsKeyDeletion]):
    """Stops a key until it is destroyed."""

    def changed(self, call: Call, key: KmsKey, operation: ScheduleKmsKeyDeletion) -> KmsKey:
        """Set its end."""
        verify_stays(key)
        return ending_key(key, operation.wait, call.now)

    def details(self, answer: KmsKey) -> Mapping[str, Any]:
        """Return when it ends."""
        assert answer.deletes_at is not None
        return {"deletes_at": answer.deletes_at.isoformat()}


class RestoreKeyHandler(KeyChange[RestoreKmsKey]):
    """Takes the end of a key back."""

    def changed(self, call: Call, key: KmsKey, operation: RestoreKmsKey) -> KmsKey:
        """Return it as it was before."""
        del operation
        return restored_key(key, call.now)


class DestroyKeyHandler(KeyChange[DestroyKmsKey]):
    """Destroys a key with all its versions."""

    def changed(self, call: Call, key: KmsKey, operation: DestroyKmsKey) -> KmsKey:
        """Return it as it is. Raises KeyEndingError before its time."""
        del operation
        if key.deletes_at is None or key.deletes_at > call.now:
            raise KeyEndingError(
                f"The wait of the key {key.name} is not over; it is destroyed by itself when it is.",
                field="name",
                rule="key-not-due",
            )
        return key

    async def record(self, transaction: Transaction, call: Call, signed: KmsKey) -> KmsKey:
        """Delete the material, then the key; nothing if it was restored meanwhile."""
        del call
        await delete_versions(transaction, signed)
        if not await delete_key(transaction, signed):
            raise KeyChangedError
        await self._catalogue.announce_change(transaction)
        return signed

    def details(self, answer: KmsKey) -> Mapping[str, Any]:
        """Return what is gone."""
        return {"id": answer.id, "versions": answer.version}
