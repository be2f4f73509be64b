"""Encrypts, decrypts, wraps anew, and makes data keys."""

from ca_service.kernel.secret_value import SecretValue
from secrets_core.kms.catalogue import FoundKey
from secrets_core.kms.ciphertexts import (
    associated_data,
    decrypt,
    encrypt,
    parse_ciphertext,
    write_ciphertext,
)
from secrets_core.kms.handlers.key_uses import KeyUse
from secrets_core.kms.inputs import parse_aad, parse_bits, parse_secret
from secrets_core.kms.keys import KmsAlgorithm, verify_version
from secrets_core.kms.operations import (
    CiphertextItem,
    CreateDataKeys,
    DataKeyItem,
    DecryptWithKmsKey,
    EncryptWithKmsKey,
    MadeCiphertext,
    MadeDataKey,
    OpenedPlaintext,
    PlaintextItem,
    RewrapWithKmsKey,
)


class EncryptHandler(KeyUse[EncryptWithKmsKey, PlaintextItem, MadeCiphertext]):
    """Encrypts by the newest version."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell AES-256-GCM."""
        return algorithm is KmsAlgorithm.AES_256_GCM

    async def do(self, found: FoundKey, item: PlaintextItem) -> MadeCiphertext:
        """Encrypt one plaintext."""
        key = found.key
        plaintext, aad = parse_secret(item.plaintext, field="plaintext"), parse_aad(item.aad)
        opened = await self.catalogue.encryption_key(found, key.version)
        return MadeCiphertext(encrypt(opened, key, plaintext, aad), key.version)


class DecryptHandler(KeyUse[DecryptWithKmsKey, CiphertextItem, OpenedPlaintext]):
    """Decrypts by the version that encrypted."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell AES-256-GCM."""
        return algorithm is KmsAlgorithm.AES_256_GCM

    async def do(self, found: FoundKey, item: CiphertextItem) -> OpenedPlaintext:
        """Decrypt one ciphertext."""
        version, ciphertext = parse_ciphertext(item.ciphertext)
        aad = parse_aad(item.aad)
        verify_version(found.key, version, field="ciphertext")
        opened = await self.catalogue.encryption_key(found, version)
        return OpenedPlaintext(SecretValue(decrypt(opened, found.key, version, ciphertext, aad)), version)


class RewrapHandler(KeyUse[RewrapWithKmsKey, CiphertextItem, MadeCiphertext]):
    """Encrypts anew by the newest version what another encrypted."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell AES-256-GCM."""
        return algorithm is KmsAlgorithm.AES_256_GCM

    async def do(self, found: FoundKey, item: CiphertextItem) -> MadeCiphertext:
        """Rewrap one ciphertext."""
        key = found.key
        version, ciphertext = parse_ciphertext(item.ciphertext)
        aad = parse_aad(item.aad)
        verify_version(key, version, field="ciphertext")
        opened = await self.catalogue.encryption_key(found, version)
        plaintext = decrypt(opened, key, version, ciphertext, aad)
        newest = await self.catalogue.encryption_key(found, key.version)
        return MadeCiphertext(encrypt(newest, key, plaintext, aad), key.version)


class CreateDataKeysHandler(KeyUse[CreateDataKeys, DataKeyItem, MadeDataKey]):
    """Makes data keys, wrapped by the newest version."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell AES-256-GCM."""
        return algorithm is KmsAlgorithm.AES_256_GCM

    async def do(self, found: FoundKey, item: DataKeyItem) -> MadeDataKey:
        """Make one data key."""
        key = found.key
        size, aad = parse_bits(item.bits), parse_aad(item.aad)
        opened = await self.catalogue.encryption_key(found, key.version)
        fresh, wrapped = opened.new_data_key(size, associated_data(key, key.version, aad))
        shown = None if item.wrapped_only else fresh
        return MadeDataKey(shown, write_ciphertext(key.version, wrapped), key.version)
