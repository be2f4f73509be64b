"""The JSON of certificates, and how it comes from answers."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from ca_service.kernel.errors import MalformedError
from ssh_ca.operations import IssuedSshCertificate, ListedSshCertificate
from ssh_ca.serial_numbers import HIGHEST_SERIAL_NUMBER


class IssueBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for a certificate over `public_key`, or for a pair of `key_algorithm`.

    `principals` left out are all that the profile names for you; `extensions` left out are the profile's.
    """

    profile: str
    public_key: str | None = None
    key_algorithm: str | None = None
    principals: tuple[str, ...] = ()
    ttl: str | int | None = None
    key_id: str | None = None
    critical_options: dict[str, str] = {}
    extensions: dict[str, str] | None = None


class IssuedBody(Struct, frozen=True, kw_only=True):
    """A certificate that was just issued; `private_key` is there once, in the answer that made it."""

    id: str
    serial_number: str
    key_id: str
    type: str
    certificate: str
    principals: tuple[str, ...]
    valid_after: datetime
    valid_before: datetime
    authority: str
    profile: str
    private_key: str | UnsetType = UNSET
    public_key: str | UnsetType = UNSET


class CertificateBody(Struct, frozen=True, kw_only=True):
    """A certificate of the inventory. `public_key` is the fingerprint of the key under it."""

    id: str
    serial_number: str
    key_id: str
    type: str
    status: str
    principals: tuple[str, ...]
    public_key: str
    authority: str
    profile: str
    valid_after: datetime
    valid_before: datetime
    revoked_at: datetime | None
    certificate: str | UnsetType = UNSET


def parse_serial_number(value: str | int, *, field: str = "serial_number") -> int:
    """Return a serial number written in decimal. Raises MalformedError."""
    text = str(value)
    if (
        not (text.isascii() and text.isdigit() and len(text) <= 19)
        or not 0 < int(text) <= HIGHEST_SERIAL_NUMBER
    ):
        raise MalformedError(
            "An SSH serial number is a decimal number from 1 on, as sshd logs it.", field=field, rule="serial"
        )
    return int(text)


def issued_body(issued: IssuedSshCertificate) -> IssuedBody:
    """Return a certificate that was just issued."""
    return IssuedBody(
        id=issued.id,
        serial_number=str(issued.serial_number),
        key_id=issued.key_id,
        type=issued.type.value,
        certificate=issued.certificate,
        principals=issued.principals,
        valid_after=issued.valid_after,
        valid_before=issued.valid_before,
        authority=issued.authority,
        profile=issued.profile,
        private_key=UNSET if issued.private_key is None else issued.private_key.reveal(),
        public_key=UNSET if issued.public_key is None else issued.public_key,
    )


def certificate_body(listed: ListedSshCertificate, line: str | UnsetType = UNSET) -> CertificateBody:
    """Return a certificate of the inventory."""
    certificate = listed.certificate
    return CertificateBody(
        id=certificate.id,
        serial_number=str(certificate.serial_number),
        key_id=certificate.key_id,
        type=certificate.type.value,
        status=listed.status.value,
        principals=certificate.principals,
        public_key=certificate.fingerprint,
        authority=certificate.authority,
        profile=certificate.profile,
        valid_after=certificate.valid_after,
        valid_before=certificate.valid_before,
        revoked_at=certificate.revoked_at,
        certificate=line,
    )
