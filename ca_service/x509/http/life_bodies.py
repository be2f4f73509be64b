"""The JSON of kept keys, mass revocations and imports."""

from base64 import b64encode
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.mass_revocations import MassRevocation, Selector
from ca_service.x509.operations.imports import ImportOutcome
from ca_service.x509.operations.kept_keys import RevealedKey
from ca_service.x509.operations.mass_revocations import RevocationCount
from ca_service.x509.operations.unknown_certificates import RevokedSerialNumber
from ca_service.x509.reasons import RevocationReason


class ReadKeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST certificates/{id}/key`."""

    pkcs12_password: str | None = None


class KeyBody(Struct, frozen=True, kw_only=True):
    """A private key with its certificate; `pkcs12` is base64."""

    id: str
    certificate: str
    chain: tuple[str, ...]
    private_key: str
    pkcs12: str | UnsetType = UNSET


class RevokeManyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST certificates/revoke`: one of four, and the number that was counted once it is meant."""

    identity: str | None = None
    key: str | None = None
    profile: str | None = None
    authority: str | None = None
    reason: str = RevocationReason.UNSPECIFIED.value
    expected_count: int | None = None


class CountBody(Struct, frozen=True, kw_only=True):
    """How many certificates would be revoked; nothing was."""

    dry_run: bool = True
    selector: str
    value: str
    count: int


class MassRevocationBody(Struct, frozen=True, kw_only=True):
    """A mass revocation and how far it came; `revoked` is all of it once `finished_at` is there."""

    id: str
    dry_run: bool = False
    selector: str
    count: int
    revoked: int
    reason: str
    asked_by: str
    created_at: datetime
    finished_at: datetime | None


class RevokeUnknownBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST authorities/{name}/revocations`: a number in hexadecimal."""

    serial_number: str
    reason: str = RevocationReason.UNSPECIFIED.value


class RevokedSerialBody(Struct, frozen=True, kw_only=True):
    """A number that is revoked and whose certificate is unknown."""

    authority: str
    serial_number: str
    status: str = CertificateStatus.REVOKED.value
    is_known: bool = False
    reason: str
    revoked_at: datetime


class ImportBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST certificates/import`: PEM, the chain issuer first."""

    certificate: str
    chain: list[str] = []


class ImportedBody(Struct, frozen=True, kw_only=True):
    """What came of an import; `is_own`: issued by an authority of this project, so that it can be revoked."""

    id: str
    status: str
    is_own: bool


def pkcs12_text(value: SecretValue[bytes] | None) -> str | UnsetType:
    """Return a PKCS #12 file as JSON carries it."""
    return UNSET if value is None else b64encode(value.reveal()).decode("ascii")


def key_body(revealed: RevealedKey) -> KeyBody:
    """Return a kept key for its rightful reader."""
    return KeyBody(
        id=revealed.certificate.id,
        certificate=revealed.certificate_pem,
        chain=revealed.chain_pem,
        private_key=revealed.private_key.reveal(),
        pkcs12=pkcs12_text(revealed.pkcs12),
    )


def parse_selection(body: RevokeManyBody) -> tuple[Selector, str]:
    """Return what is meant. Raises ProfileRefusedError unless exactly one thing is."""
    given = {selector: getattr(body, selector.value) for selector in Selector}
    named = [(selector, value) for selector, value in given.items() if value is not None]
    if len(named) != 1 or not 0 < len(named[0][1]) <= 200:
        detail = f"Give exactly one of {', '.join(Selector)}, of at most 200 characters."
        field = named[0][0].value if named else Selector.IDENTITY.value
        raise ProfileRefusedError(detail, field=field, rule="revocation-selector")
    return named[0]


def count_body(counted: RevocationCount) -> CountBody:
    """Return a count."""
    return CountBody(selector=counted.selector.value, value=counted.value, count=counted.count)


def mass_revocation_body(revocation: MassRevocation) -> MassRevocationBody:
    """Return a mass revocation."""
    return MassRevocationBody(
        id=revocation.id,
        selector=revocation.selection.selector.value,
        count=revocation.total,
        revoked=revocation.done,
        reason=revocation.reason.value,
        asked_by=revocation.asked_by,
        created_at=revocation.created_at,
        finished_at=revocation.finished_at,
    )


def imported_body(outcome: ImportOutcome) -> ImportedBody:
    """Return what came of an import."""
    return ImportedBody(id=outcome.id, status=outcome.status.value, is_own=outcome.is_own)


def revoked_serial_body(revoked: RevokedSerialNumber) -> RevokedSerialBody:
    """Return a number that is revoked."""
    return RevokedSerialBody(
        authority=revoked.authority,
        serial_number=revoked.serial_number,
        reason=revoked.reason.value,
        revoked_at=revoked.revoked_at,
    )
