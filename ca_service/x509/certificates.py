"""A certificate of the inventory: facts, and what follows from them and the time."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import Name
from ca_service.x509.reasons import RevocationReason


class CertificateStatus(StrEnum):
    """What a certificate is worth now; computed, never stored."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    #: Issued elsewhere: its chain led to its end when it was imported, or nobody could tell.
    IMPORTED = "imported"
    UNVERIFIED = "unverified"


class Certificate(Struct, frozen=True, kw_only=True):
    """One issued certificate. `serial_number` is lower-case hex with an even number of digits.

    `owner` is the Cedar name of the caller it was issued to. `has_server_made_key` says where its key was
    made; the key itself is kept nowhere. `requested_ttl_seconds` is the lifetime before the issuer's end
    clamped it. `profile_version` is the one that it was issued from; None where it was not kept yet.
    """

    id: str
    tenant: Tenant
    authority_id: str
    authority: str
    profile: str
    serial_number: str
    common_name: str | None
    names: tuple[Name, ...]
    key_algorithm: KeyAlgorithm
    has_server_made_key: bool
    der: bytes
    not_before: datetime
    not_after: datetime
    owner: str
    requested_ttl_seconds: int
    created_at: datetime
    directory: str | None = None
    renewed_from: str | None = None
    revoked_at: datetime | None = None
    revocation_reason: RevocationReason | None = None
    profile_version: int | None = None
    #: SHA-256 of its key (SubjectPublicKeyInfo), where it is known beforehand.
    key_hash: bytes | None = None

    def status(self, now: datetime) -> CertificateStatus:
        """Return what it is worth at `now`; a revoked certificate stays revoked after its end."""
        if self.revoked_at is not None:
            return CertificateStatus.REVOKED
        return CertificateStatus.EXPIRED if now > self.not_after else CertificateStatus.VALID


def serial_text(number: int) -> str:
    """Return a serial number as the contract writes it: lower-case hex, an even number of digits."""
    text = f"{number:x}"
    return text if len(text) % 2 == 0 else "0" + text
