"""The keys in the hands of the handlers: read, their rows verified, and kept for the next use (S14).

What is kept follows from one policy generation, which every change of a key raises: an encryption by a key
that was used before reads nothing from the database.
"""

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.custody.errors import IntegrityError
from ca_service.custody.raw_signatures import RawSigner, load_public_key, open_raw_signer
from ca_service.custody.symmetric_keys import EncryptionKey, TagKey
from ca_service.custody.withheld_keys import PublicKey
from ca_service.database.port import Database, Transaction
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.cache import GenerationCache
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.values import Resource
from secrets_core.kms.accesses import key_resource
from secrets_core.kms.keys import KeyVersion, KmsKey
from secrets_core.kms.storage import keys, versions

_MOST_KEYS = 4096
_MOST_VERSIONS = 2048
_VersionName = tuple[Tenant, str, int]


class FoundKey(Struct, frozen=True):
    """A key as it stood in a policy generation, and as policies see it."""

    key: KmsKey
    resource: Resource
    generation: int


class Catalogue:
    """Finds keys and opens their versions."""

    def __init__(self, database: Database, custody: Custody, policy: PolicyEngine) -> None:
        self.database = database
        self.custody = custody
        self.policy = policy
        self.key_mac = RowMac(custody, keys.TABLE)
        self.version_mac = RowMac(custody, versions.TABLE)
        self._found: GenerationCache[tuple[Tenant, str], FoundKey] = GenerationCache(_MOST_KEYS)
        self._encryption: GenerationCache[_VersionName, EncryptionKey] = GenerationCache(_MOST_VERSIONS)
        self._tags: GenerationCache[_VersionName, TagKey] = GenerationCache(_MOST_VERSIONS)
        self._signers: GenerationCache[_VersionName, RawSigner] = GenerationCache(_MOST_VERSIONS)
        self._public: GenerationCache[_VersionName, PublicKey] = GenerationCache(_MOST_VERSIONS)

    async def announce_change(self, transaction: Transaction) -> None:
        """Have every process read everything anew from this transaction's commit on."""
        await self.policy.raise_generation(transaction)

    async def find(self, tenant: Tenant, name: str) -> FoundKey:
        """Return the key with this name or id. Raises NotFoundError("key")."""
        generation = await self.policy.current_generation()
        found = self._found.get(generation, (tenant, name))
        if found is None:
            key = await self.read(tenant, name)
            found = FoundKey(key, key_resource(key), generation)
            self._found.put(generation, (tenant, name), found)
        return found

    async def read(self, tenant: Tenant, name: str) -> KmsKey:
        """Return the key with this name or id as it stands. Raises NotFoundError("key")."""
        key = await keys.find_key(self.database, self.key_mac, tenant, name)
        if key is None:
            raise NotFoundError("key")
        return key

    async def version(self, key: KmsKey, version: int) -> KeyVersion:
        """Return a version that the key says it has. Raises IntegrityError if its row is not there."""
        found = await versions.find_version(self.database, self.version_mac, key, version)
        if found is None:
            raise IntegrityError(f"The version {version} of the key {key.id} is gone: its row was deleted.")
        return found

    async def encryption_key(self, found: FoundKey, version: int) -> EncryptionKey:
        """Return what encrypts by a version. Raises IntegrityError if its row was changed."""
        name = _name(found, version)
        opened = self._encryption.get(found.generation, name)
        if opened is None:
            row = await self.version(found.key, version)
            opened = await self.custody.open_encryption_key(row.tenant, row.record, row.sealed)
            self._encryption.put(found.generation, name, opened)
        return opened

    async def tag_key(self, found: FoundKey, version: int) -> TagKey:
        """Return what tags by a version. Raises IntegrityError if its row was changed."""
        name = _name(found, version)
        opened = self._tags.get(found.generation, name)
        if opened is None:
            row = await self.version(found.key, version)
            opened = await self.custody.open_tag_key(row.tenant, row.record, row.sealed)
            self._tags.put(found.generation, name, opened)
        return opened

    async def signer(self, found: FoundKey, version: int) -> RawSigner:
        """Return what signs by a version. Raises IntegrityError if its row was changed."""
        name = _name(found, version)
        opened = self._signers.get(found.generation, name)
        if opened is None:
            row, pair = await self.version(found.key, version), found.key.algorithm.pair
            assert pair is not None, "only pairs sign"
            generated = await self.custody.open_leaf_key(row.tenant, row.record, row.sealed, pair)
            opened = open_raw_signer(generated, row.public_key)
            self._signers.put(found.generation, name, opened)
        return opened

    async def public_key(self, found: FoundKey, version: int) -> PublicKey:
        """Return the public key of a version. Raises IntegrityError if its row was changed."""
        name = _name(found, version)
        loaded = self._public.get(found.generation, name)
        if loaded is None:
            row, pair = await self.version(found.key, version), found.key.algorithm.pair
            assert pair is not None, "only pairs have a public key"
            loaded = load_public_key(row.public_key, pair)
            self._public.put(found.generation, name, loaded)
        return loaded


def _name(found: FoundKey, version: int) -> _VersionName:
    return found.key.tenant, found.key.id, version
