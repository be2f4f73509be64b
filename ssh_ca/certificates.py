"""SSH certificates as values: what is signed, what the inventory keeps, and what state one is in."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from ssh_ca.public_keys import SubjectKey


class CertificateType(StrEnum):
    """Whom a certificate vouches for."""

    USER = "user"
    HOST = "host"


class CertificateStatus(StrEnum):
    """What has become of a certificate."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class CertificateContent(Struct, frozen=True, kw_only=True):
    """Everything a certificate says. Options and extensions are by name; an empty value means a flag."""

    subject_key: SubjectKey
    serial_number: int
    type: CertificateType
    key_id: str
    principals: tuple[str, ...]
    valid_after: datetime
    valid_before: datetime
    critical_options: dict[str, str]
    extensions: dict[str, str]


class Certificate(Struct, frozen=True, kw_only=True):
    """A certificate of the inventory. `id` is ours; (`authority_id`, `serial_number`) is what sshd logs."""

    id: str
    authority_id: str
    authority: str
    serial_number: int
    type: CertificateType
    key_id: str
    principals: tuple[str, ...]
    fingerprint: str
    profile: str
    valid_after: datetime
    valid_before: datetime
    revoked_at: datetime | None


def status_of(certificate: Certificate, now: datetime) -> CertificateStatus:
    """Return the status at `now`; what was revoked stays revoked after its end."""
    if certificate.revoked_at is not None:
        return CertificateStatus.REVOKED
    return CertificateStatus.VALID if now < certificate.valid_before else CertificateStatus.EXPIRED
