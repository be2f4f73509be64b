"""What can be asked about keys that are never certified."""

from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.blocked_keys import BlockedKey


class BlockedKeyPage(Struct, frozen=True):
    """One page of blocked keys; `next_key` is None on the last one."""

    items: tuple[BlockedKey, ...]
    next_key: str | None


class BlockKey(ProjectOperation[BlockedKey], frozen=True, kw_only=True):
    """Certify a key no more: in this organization, or everywhere if its private key is given as proof.

    Exactly one of `key_hash` (SHA-256 over its SubjectPublicKeyInfo), `public_key_der` (that itself) and
    `private_key` (PEM, because it was published; it is not kept).
    """

    action: ClassVar[str] = "x509:block-key"
    idempotent: ClassVar[bool] = True

    key_hash: bytes | None = None
    public_key_der: bytes | None = None
    private_key: SecretValue[str] | None = None
    comment: str = ""


class UnblockKey(ProjectOperation[None], frozen=True, kw_only=True):
    """Certify a key again that was blocked without proof."""

    action: ClassVar[str] = "x509:block-key"

    id: str


class ReadBlockedKey(ProjectOperation[BlockedKey], frozen=True, kw_only=True):
    """Read one key that the project blocked."""

    action: ClassVar[str] = "x509:read-blocked-key"
    reads: ClassVar[bool] = True

    id: str


class ListBlockedKeys(ProjectOperation[BlockedKeyPage], frozen=True, kw_only=True):
    """List the keys that the project blocked."""

    action: ClassVar[str] = "x509:read-blocked-key"
    reads: ClassVar[bool] = True

    limit: int = 100
    after: str | None = None


class ReserveAccountKey(ProjectOperation[None], frozen=True, kw_only=True):
    """Certify the key of the calling ACME account no more, and its former key again.

    For newAccount and keyChange, in their transaction. Raises AccountKeyBlockedError if it is blocked
    or in a certificate of the project.
    """

    action: ClassVar[str] = "x509:reserve-account-key"

    public_key_der: bytes
