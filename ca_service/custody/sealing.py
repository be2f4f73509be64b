"""Sealing records: AES-256-GCM under a key of each record's own, bound to the record's full name.

A sealed value is `format (1) | key id (8) | key version (4) | nonce (12) | ciphertext and tag`. Header and
record name are authenticated, so a value moved to another row, table, version or tenant does not open.
"""

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from ca_service.custody.derivation import MacKey, canonical, derive
from ca_service.custody.errors import IntegrityError
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.tenancy import Tenant

_FORMAT = b"\x01"
_KEY_ID = slice(1, 9)
_VERSION = slice(9, 13)
_NONCE = slice(13, 25)
_HEADER_SIZE = 25
_NONCE_SIZE = 12
_TAG_SIZE = 16
#: How the derivation of a record's key begins; the record's name follows, as bytes.
_PURPOSE = canonical("record") + b"b"


class RecordName(Struct, frozen=True):
    """Which value is sealed: the table, the row and the row's version (raised whenever it is sealed anew)."""

    table: str
    row_id: str
    version: int


class SealingKey(Struct, frozen=True):
    """One version of a key that record keys are derived from; `id` is its fingerprint, not a secret."""

    version: int
    key: bytes
    id: bytes

    def __repr__(self) -> str:
        return f"SealingKey(version={self.version}, hidden)"


def sealing_key(version: int, key: bytes) -> SealingKey:
    """Return `key` with the id that headers name it by."""
    return SealingKey(version, key, derive(key, "key id")[:8])


class Sealer:
    """Seals and opens the records of one tenant, with the keys of all versions and the newest for sealing."""

    def __init__(self, tenant: Tenant, keys: Mapping[int, SealingKey], randomness: Randomness) -> None:
        self._tenant = tenant
        self._keys = dict(keys)
        self._current = self._keys[max(self._keys)]
        self._record_keys = {version: MacKey(key.key) for version, key in self._keys.items()}
        #: How the full names of a table's records begin.
        self._beginnings: dict[str, bytes] = {}
        self._randomness = randomness

    @property
    def tenant(self) -> Tenant:
        """Return whose records this seals."""
        return self._tenant

    def seal(self, record: RecordName, plaintext: bytes) -> bytes:
        """Return `plaintext` sealed for this record and no other."""
        key = self._current
        nonce = self._randomness.token_bytes(_NONCE_SIZE)
        if len(nonce) != _NONCE_SIZE:  # AESGCM would take 8 to 128 bytes
            raise ValueError("a nonce has 12 bytes")
        header = _FORMAT + key.id + key.version.to_bytes(4, "big")
        name = self._name(record)
        ciphertext = AESGCM(self._record_key(key, name)).encrypt(nonce, plaintext, header + name)
        return header + nonce + ciphertext

    def open(self, record: RecordName, sealed: bytes) -> bytes:
        """Return what was sealed. Raises IntegrityError if it was changed or sealed for something else."""
        if len(sealed) < _HEADER_SIZE + _TAG_SIZE or sealed[:1] != _FORMAT:
            raise _broken(record)
        key = self._keys.get(int.from_bytes(sealed[_VERSION], "big"))
        if key is None or key.id != sealed[_KEY_ID]:
            raise _broken(record)
        name = self._name(record)
        try:
            return AESGCM(self._record_key(key, name)).decrypt(
                sealed[_NONCE], sealed[_HEADER_SIZE:], sealed[: _NONCE.start] + name
            )
        except InvalidTag:
            raise _broken(record) from None

    def _record_key(self, key: SealingKey, name: bytes) -> bytes:
        """Return `derive(key.key, "record", name)`, with the hash of the key at hand."""
        framed = b"".join((_PURPOSE, len(name).to_bytes(4, "big"), name, b"\x01"))
        return self._record_keys[key.version].tag(framed)

    def _name(self, record: RecordName) -> bytes:
        """Return `canonical(1, organization, project, table, row id, version)`."""
        beginning = self._beginnings.get(record.table)
        if beginning is None:
            tenant = self._tenant
            beginning = canonical(1, tenant.organization, tenant.project, record.table)
            self._beginnings[record.table] = beginning
        return beginning + canonical(record.row_id, record.version)


def _broken(record: RecordName) -> IntegrityError:
    return IntegrityError(
        f"The sealed value of {record.table} {record.row_id} does not open: it was changed, moved, or sealed "
        "under a key this database does not have."
    )
