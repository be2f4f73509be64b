"""Keys that are never certified: blocked ones, and those of ACME accounts (RFC 8555 section 11.1)."""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from msgspec import Struct

from ca_service.kernel.tenancy import Tenant


class BlockProof(StrEnum):
    """What shows that a key is compromised."""

    STATEMENT = "statement"
    REVOCATION = "revocation"
    PRIVATE_KEY = "private-key"


class BlockReach(StrEnum):
    """Where a blocked key is refused."""

    ORGANIZATION = "organization"
    INSTANCE = "instance"


#: Who holds the key can show it to everybody; what is merely stated counts where it was stated.
REACH_OF_PROOF = {
    BlockProof.STATEMENT: BlockReach.ORGANIZATION,
    BlockProof.REVOCATION: BlockReach.INSTANCE,
    BlockProof.PRIVATE_KEY: BlockReach.INSTANCE,
}


class BlockedKey(Struct, frozen=True, kw_only=True):
    """One key that is blocked. `key_hash` is SHA-256 over its SubjectPublicKeyInfo in DER."""

    id: str
    tenant: Tenant
    key_hash: bytes
    proof: BlockProof
    comment: str
    created_by: str
    created_at: datetime

    @property
    def reach(self) -> BlockReach:
        """Return where the key is refused."""
        return REACH_OF_PROOF[self.proof]


def key_hash(key: PublicKeyTypes) -> bytes:
    """Return SHA-256 over a public key's SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7)."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).digest()
