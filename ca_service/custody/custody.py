"""Custody: the one place with private keys and with the keys that protect stored records."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

from msgspec import Struct

from ca_service.config import Config, environment
from ca_service.custody import storage
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.database_store import DatabaseStore
from ca_service.custody.derivation import KEY_SIZE, MacKey
from ca_service.custody.errors import KeyStoreRefusedError, KeyStoreUnavailableError
from ca_service.custody.generation import GeneratedKey, load_private_key
from ca_service.custody.key_ring import KeyRing
from ca_service.custody.key_stores import KeyStore, OpenedKey
from ca_service.custody.public_keys import public_key_der
from ca_service.custody.root_key import RootKey, open_root_key
from ca_service.custody.sealing import RecordName, Sealer, sealing_key
from ca_service.custody.signers import Signer
from ca_service.custody.storage import KeptKey
from ca_service.custody.stores import DATABASE
from ca_service.custody.symmetric_keys import EncryptionKey, TagKey
from ca_service.database.port import Database, Transaction
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant

#: The owner of keys and records that belong to no organization: the audit key, the listener's key.
INSTANCE = Tenant(OrganizationId(""), ProjectId(""))

_CACHED_SEALERS = 4096
_CACHED_SIGNERS = 1024

V = TypeVar("V")


class SealedKey(Struct, frozen=True):
    """A key sealed for its tenant, to be kept in the transaction that records what it is for."""

    id: str
    kept: KeptKey


class Custody:
    """Derives, seals, generates, keeps and signs under one root key."""

    def __init__(
        self,
        root: RootKey,
        database: Database,
        identifiers: Identifiers,
        randomness: Randomness,
        stores: Iterable[KeyStore] = (),
    ) -> None:
        """Keep keys in the database, and in whichever `stores` there are beside it."""
        self._root = root
        self._database = database
        self._identifiers = identifiers
        self._ring = KeyRing(root, database, randomness)
        self._randomness = randomness
        self._sealers: _Cache[Sealer] = _Cache(_CACHED_SEALERS)
        self._signers: _Cache[Signer] = _Cache(_CACHED_SIGNERS)
        self._stores: dict[str, KeyStore] = {store.name: store for store in (DatabaseStore(), *stores)}
        instance = sealing_key(1, root.derive("instance sealing key", 1))
        self._instance_sealer = Sealer(INSTANCE, {1: instance}, randomness)

    @property
    def root_key_id(self) -> str:
        """Return the root key's fingerprint, which is not a secret."""
        return self._root.id

    def mac_key(self, purpose: str) -> MacKey:
        """Return the instance's key for one purpose: `policy rows`, `token pepper`, `nonces`."""
        return MacKey(self._root.derive("mac key", purpose))

    def instance_sealer(self) -> Sealer:
        """Return the sealer of records that belong to no project."""
        return self._instance_sealer

    async def sealer(self, tenant: Tenant) -> Sealer:
        """Return the sealer of a project; its keys are made at the first use.

        Ask before the transaction, never within it. Raises IntegrityError if a key's row was changed.
        """
        if tenant == INSTANCE:
            return self._instance_sealer
        cached = self._sealers.get(tenant)
        if cached is None:
            cached = Sealer(tenant, await self._ring.project_keys(tenant), self._randomness)
            self._sealers.put(tenant, cached)
        return cached

    async def generate(self, algorithm: KeyAlgorithm, *, store: str = DATABASE) -> GeneratedKey:
        """Return a fresh key that no row names yet; slow ones are made in a thread, few at a time.

        `store` is `database`, or a store of the configuration, which never gives the private key out. A key
        that was made there and is never kept stays there unused. Raises KeyStoreRefusedError for a store that
        does not exist or cannot make such a key, KeyStoreUnavailableError if it does not answer.
        """
        found = self._stores.get(store)
        if found is None:
            detail = f"There is no such key store; this instance has {', '.join(sorted(self._stores))}."
            raise KeyStoreRefusedError(detail, field="key_store", rule="key-store")
        return await found.generate(algorithm)

    async def key_store_troubles(self) -> list[str]:
        """Return a sentence for each key store that does not answer now."""
        troubles = await asyncio.gather(*(store.trouble() for store in self._stores.values()))
        return [trouble for trouble in troubles if trouble is not None]

    async def seal_key(self, tenant: Tenant, generated: GeneratedKey) -> SealedKey:
        """Return the key sealed for its tenant under a new id; nothing is written yet.

        Of a key in another store than the database, what is sealed is where it lies.
        """
        key_id = self._identifiers.new("key")
        sealer = await self.sealer(tenant)
        kept = KeptKey(
            id=key_id,
            tenant=tenant,
            algorithm=generated.algorithm,
            store=generated.store,
            public_key=public_key_der(generated.public_key),
            sealed=sealer.seal(_record(key_id), generated.kept_form().reveal()),
        )
        return SealedKey(key_id, kept)

    async def seal_leaf_key(self, tenant: Tenant, record: RecordName, generated: GeneratedKey) -> bytes:
        """Return a subject's key sealed for the row that keeps it; it signs nothing here."""
        return (await self.sealer(tenant)).seal(record, generated.pkcs8_der().reveal())

    async def open_leaf_key(
        self, tenant: Tenant, record: RecordName, sealed: bytes, algorithm: KeyAlgorithm
    ) -> GeneratedKey:
        """Return such a key for its rightful receiver. Raises IntegrityError if the row was changed."""
        pkcs8 = SecretValue((await self.sealer(tenant)).open(record, sealed))
        return GeneratedKey(algorithm, load_private_key(pkcs8))

    async def seal_symmetric_key(self, tenant: Tenant, record: RecordName) -> bytes:
        """Return a fresh key of 256 bits sealed for the row that keeps it."""
        return (await self.sealer(tenant)).seal(record, self._randomness.token_bytes(KEY_SIZE))

    async def open_encryption_key(self, tenant: Tenant, record: RecordName, sealed: bytes) -> EncryptionKey:
        """Return what encrypts with such a key. Raises IntegrityError if the row was changed."""
        return EncryptionKey((await self.sealer(tenant)).open(record, sealed), self._randomness)

    async def open_tag_key(self, tenant: Tenant, record: RecordName, sealed: bytes) -> TagKey:
        """Return what tags with such a key. Raises IntegrityError if the row was changed."""
        return TagKey((await self.sealer(tenant)).open(record, sealed))

    async def keep(self, transaction: Transaction, sealed_key: SealedKey) -> None:
        """Write a sealed key down."""
        await storage.insert_key(transaction, sealed_key.kept, to_microseconds(transaction.now))

    async def signer(self, tenant: Tenant, key_id: str) -> Signer:
        """Return the signer of a kept key.

        Ask before the transaction, never within it. Raises NotFoundError, and IntegrityError if the row was
        changed.
        """
        cached = self._signers.get((tenant, key_id))
        if cached is None:
            kept, opened = await self._open(tenant, key_id)
            cached = Signer(key_id, kept.algorithm, opened.key, store=kept.store, threads=opened.threads)
            self._signers.put((tenant, key_id), cached)
        return cached

    async def listener_key_pem(self, key_id: str) -> SecretValue[str]:
        """Return a key of the instance for the TLS listener, which OpenSSL must hold itself (S22)."""
        kept, opened = await self._open(INSTANCE, key_id)
        return GeneratedKey(kept.algorithm, opened.key, store=kept.store).pkcs8_pem()

    async def _open(self, tenant: Tenant, key_id: str) -> tuple[KeptKey, OpenedKey]:
        kept = await storage.find_key(self._database, tenant, key_id)
        if kept is None:
            raise NotFoundError("key")
        store = self._stores.get(kept.store)
        if store is None:
            raise KeyStoreUnavailableError(
                f"The key lies in the key store {kept.store}, which the configuration does not name; add "
                f"[custody.pkcs11.{kept.store}] again."
            )
        sealer = await self.sealer(tenant)
        said = SecretValue(sealer.open(_record(key_id), kept.sealed))
        return kept, await store.open(kept.algorithm, kept.public_key, said)


async def open_custody(
    config: Config, database: Database, identifiers: Identifiers, randomness: Randomness
) -> Custody:
    """Return custody over the root key that the configuration names, with its key stores.

    Raises RootKeyError, and ConfigError for a key store that cannot be.
    """
    root = await open_root_key(database, config.custody.root_key, config.data_path, environment(), randomness)
    stores: Iterable[KeyStore] = ()
    if config.custody.pkcs11:
        from ca_service.custody.pkcs11.configured import token_stores

        stores = token_stores(config.custody.pkcs11, randomness)
    return Custody(root, database, identifiers, randomness, stores)


def _record(key_id: str) -> RecordName:
    return RecordName("custody_keys", key_id, 1)


class _Cache(Generic[V]):
    """The most recently used values, so many and no more."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[object, V] = OrderedDict()

    def get(self, key: object) -> V | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: object, value: V) -> None:
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
