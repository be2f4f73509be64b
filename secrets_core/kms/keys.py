"""Keys: names for what encrypts, signs or tags, in versions of which the newest is used."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.raw_signatures import SignatureAlgorithm
from ca_service.custody.sealing import RecordName
from ca_service.governance.slugs import parse_slug
from ca_service.kernel.tenancy import Tenant
from secrets_core.kms.errors import InputRefusedError, KeyDisabledError, KeyEndingError, KeyVersionError

MOST_DESCRIPTION = 500
MOST_VERSIONS = 1000
SHORTEST_WAIT = timedelta(days=7)
DEFAULT_WAIT = timedelta(days=30)
LONGEST_WAIT = timedelta(days=365)
VERSIONS_TABLE = "kms_key_versions"

_PSS_AND_PKCS1 = tuple(scheme for scheme in SignatureAlgorithm if scheme.value.startswith("RSASSA"))
_ECDSA = (
    SignatureAlgorithm.ECDSA_SHA_256,
    SignatureAlgorithm.ECDSA_SHA_384,
    SignatureAlgorithm.ECDSA_SHA_512,
)


class KmsAlgorithm(StrEnum):
    """What a key is, by its name in our API."""

    AES_256_GCM = "aes-256-gcm"
    HMAC_SHA256 = "hmac-sha256"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"
    ED25519 = "ed25519"

    @property
    def pair(self) -> KeyAlgorithm | None:
        """Return the algorithm of the key pair; None for a symmetric key."""
        return _PAIRS.get(self)

    @property
    def schemes(self) -> tuple[SignatureAlgorithm, ...]:
        """Return how keys of this algorithm sign, the default first."""
        return _SCHEMES.get(self, ())

    @property
    def purpose(self) -> str:
        """Return what such a key is for, as a sentence says it."""
        if self is KmsAlgorithm.AES_256_GCM:
            return "encrypts and decrypts"
        return "makes and verifies HMACs" if self is KmsAlgorithm.HMAC_SHA256 else "signs and verifies"


_PAIRS = {
    KmsAlgorithm.RSA_2048: KeyAlgorithm.RSA_2048,
    KmsAlgorithm.RSA_3072: KeyAlgorithm.RSA_3072,
    KmsAlgorithm.RSA_4096: KeyAlgorithm.RSA_4096,
    KmsAlgorithm.EC_P256: KeyAlgorithm.EC_P256,
    KmsAlgorithm.EC_P384: KeyAlgorithm.EC_P384,
    KmsAlgorithm.ED25519: KeyAlgorithm.ED25519,
}
_SCHEMES = {
    KmsAlgorithm.RSA_2048: _PSS_AND_PKCS1,
    KmsAlgorithm.RSA_3072: _PSS_AND_PKCS1,
    KmsAlgorithm.RSA_4096: _PSS_AND_PKCS1,
    KmsAlgorithm.EC_P256: _ECDSA,
    # The hash as strong as the curve comes first.
    KmsAlgorithm.EC_P384: (_ECDSA[1], _ECDSA[0], _ECDSA[2]),
    KmsAlgorithm.ED25519: (SignatureAlgorithm.ED25519,),
}


class KmsKey(Struct, frozen=True, kw_only=True):
    """A key without its material. `version` is the newest; those below `minimum_version` are refused.

    `revision` counts the changes of the key itself. With `deletes_at` it is used no more and destroyed then.
    """

    id: str
    tenant: Tenant
    name: str
    algorithm: KmsAlgorithm
    description: str
    is_enabled: bool
    version: int
    minimum_version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    deletes_at: datetime | None = None
    revision: int = 1


class KeyVersion(Struct, frozen=True, kw_only=True):
    """One version of a key: the material sealed, and of a pair its public part (SubjectPublicKeyInfo)."""

    tenant: Tenant
    key: str
    version: int
    public_key: bytes
    sealed: bytes
    created_at: datetime
    created_by: str

    @property
    def record(self) -> RecordName:
        """Return what the material is sealed as."""
        return record_of(self.key, self.version)


class KmsKeyChanges(Struct, frozen=True, kw_only=True):
    """What of a key changes; None stays."""

    name: str | None = None
    description: str | None = None
    minimum_version: int | None = None
    is_enabled: bool | None = None


def record_of(key_id: str, version: int) -> RecordName:
    """Return what the material of this version of a key is sealed as."""
    return RecordName(VERSIONS_TABLE, key_id, version)


def verify_usable(key: KmsKey) -> None:
    """Return if the key may be used. Raises KeyEndingError and KeyDisabledError, which say what to do."""
    if key.deletes_at is not None:
        raise _ending(key)
    if not key.is_enabled:
        raise KeyDisabledError(
            f"The key {key.name} is disabled and does nothing; use another, or have it enabled (PATCH it "
            'with `{"is_enabled": true}`).',
            field="name",
            rule="key-disabled",
        )


def verify_stays(key: KmsKey) -> None:
    """Return if the key is not scheduled for deletion. Raises KeyEndingError."""
    if key.deletes_at is not None:
        raise _ending(key)


def _ending(key: KmsKey) -> KeyEndingError:
    assert key.deletes_at is not None
    return KeyEndingError(
        f"The key {key.name} is scheduled for deletion at {key.deletes_at.isoformat(timespec='seconds')} and "
        "does nothing any more; restore it first (POST …/restore).",
        field="name",
        rule="key-scheduled-for-deletion",
    )


def verify_version(key: KmsKey, version: int, *, field: str) -> None:
    """Return if the key opens and verifies what this version of it made. Raises KeyVersionError."""
    if not 1 <= version <= key.version:
        raise KeyVersionError(
            f"The key {key.name} has no such version; its newest is {key.version}.",
            field=field,
            rule="key-version",
        )
    if version < key.minimum_version:
        raise KeyVersionError(
            f"The key {key.name} refuses versions below {key.minimum_version}, and this was made by version "
            f"{version}. Who administers the key may lower `minimum_version` until everything old is "
            "rewrapped or signed anew.",
            field=field,
            rule="minimum-version",
        )


def parse_description(text: str) -> str:
    """Return the description. Raises InputRefusedError."""
    if len(text) > MOST_DESCRIPTION or not all(letter.isprintable() or letter == "\n" for letter in text):
        raise InputRefusedError(
            f"A description has at most {MOST_DESCRIPTION} printable characters.",
            field="description",
            rule="description",
        )
    return text


def changed_key(key: KmsKey, changes: KmsKeyChanges, now: datetime) -> KmsKey:
    """Return the key with changes. Raises InputRefusedError, and MalformedError for a name that is none."""
    minimum = key.minimum_version if changes.minimum_version is None else changes.minimum_version
    if not 1 <= minimum <= key.version:
        raise InputRefusedError(
            f"`minimum_version` is from 1 to {key.version}, the newest version of the key {key.name}.",
            field="minimum_version",
            rule="minimum-version",
        )
    name = key.name if changes.name is None else parse_slug(changes.name, field="new_name")
    said = key.description if changes.description is None else parse_description(changes.description)
    enabled = key.is_enabled if changes.is_enabled is None else changes.is_enabled
    return revised(key, now, name=name, description=said, minimum_version=minimum, is_enabled=enabled)


def rotated_key(key: KmsKey, now: datetime) -> KmsKey:
    """Return the key with one version more. Raises InputRefusedError for one too many."""
    if key.version >= MOST_VERSIONS:
        raise InputRefusedError(
            f"A key has at most {MOST_VERSIONS} versions; make another key and rewrap with it.",
            field="name",
            rule="most-versions",
        )
    return revised(key, now, version=key.version + 1)


def ending_key(key: KmsKey, wait: timedelta, now: datetime) -> KmsKey:
    """Return the key scheduled for deletion. Raises InputRefusedError for a wait that is not allowed."""
    if not SHORTEST_WAIT <= wait <= LONGEST_WAIT:
        raise InputRefusedError(
            f"A key is deleted after {SHORTEST_WAIT.days} to {LONGEST_WAIT.days} days, so that it can be "
            f'restored; {DEFAULT_WAIT.days} by default. Write `wait` like "30d".',
            field="wait",
            rule="deletion-wait",
        )
    return revised(key, now, deletes_at=now + wait)


def restored_key(key: KmsKey, now: datetime) -> KmsKey:
    """Return the key as it was before. Raises KeyEndingError if it is not scheduled for deletion."""
    if key.deletes_at is None:
        raise KeyEndingError(
            f"The key {key.name} is not scheduled for deletion; there is nothing to restore.",
            field="name",
            rule="key-not-scheduled",
        )
    return revised(key, now, deletes_at=None)


def revised(key: KmsKey, now: datetime, **changes: object) -> KmsKey:
    """Return the key with changes, as its next revision."""
    return msgspec.structs.replace(key, updated_at=now, revision=key.revision + 1, **changes)
