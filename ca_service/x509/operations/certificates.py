"""What can be asked about certificates, and what it answers."""

from datetime import datetime, timedelta
from typing import ClassVar, TypeAlias

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.names import Name
from ca_service.x509.certificates import Certificate, CertificateStatus
from ca_service.x509.operations.imports import ListedImport
from ca_service.x509.reasons import RevocationReason


class NameProof(Struct, frozen=True):
    """How the caller proved one name (`http-01`); set by ACME alone, never by another door."""

    name: Name
    method: str


class CsrRequest(Struct, frozen=True, tag="csr"):
    """Certify the key of this PKCS#10 request, for the names it asks for (RFC 2986)."""

    csr_der: bytes


class KeyRequest(Struct, frozen=True, tag="key", kw_only=True):
    """Make a key here and certify it; the private key is answered once, and kept if the profile says so."""

    common_name: str | None = None
    names: tuple[Name, ...] = ()
    key_algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256


class PublicKeyRequest(Struct, frozen=True, tag="public_key", kw_only=True):
    """Certify the key of a certificate that is renewed; its possession is known. No door sets it."""

    public_key_der: bytes
    common_name: str | None = None
    names: tuple[Name, ...] = ()


CertificateRequest: TypeAlias = CsrRequest | KeyRequest | PublicKeyRequest


class IssuedCertificate(Struct, frozen=True, kw_only=True):
    """A certificate that was just issued. `chain_pem` is issuer first, without leaf and root.

    `alternates` are the other chains where the issuer, or one above it, was cross-signed; each like
    `chain_pem`, in a fixed order: at each step upwards an authority's own certificate comes before those that
    were cross-signed later, oldest first.
    `private_key` (PKCS#8 PEM) is there only for a key made here, and `pkcs12` beside it where a password for
    it was given. `lifetime` counts from the moment of
    issuance.
    """

    id: str
    serial_number: str
    certificate_pem: str
    chain_pem: tuple[str, ...]
    alternates: tuple[tuple[str, ...], ...] = ()
    private_key: SecretValue[str] | None = None
    pkcs12: SecretValue[bytes] | None = None
    profile: str
    authority: str
    authority_id: str
    status: CertificateStatus = CertificateStatus.VALID
    not_before: datetime
    not_after: datetime
    lifetime: timedelta
    common_name: str | None
    names: tuple[Name, ...]
    key_algorithm: KeyAlgorithm


class ListedCertificate(Struct, frozen=True, kw_only=True):
    """A certificate of the inventory with its status at the time of reading, and its chain.

    `alternates` are as in `IssuedCertificate`.
    """

    certificate: Certificate
    status: CertificateStatus
    certificate_pem: str
    chain_pem: tuple[str, ...]
    alternates: tuple[tuple[str, ...], ...] = ()


class CertificatePage(Struct, frozen=True):
    """A page of the inventory; `next_cursor` asks for the page after it."""

    items: tuple[ListedCertificate | ListedImport, ...]
    next_cursor: str | None


class IssueCertificate(ProjectOperation[IssuedCertificate], frozen=True, kw_only=True):
    """Issue one certificate from a profile (RFC 5280).

    `authority` chooses another than the profile's own. `ttl` asks for a lifetime from now and is refused
    above a ceiling; left out, `preferred_ttl` or else the profile's default is taken and clamped.
    `not_before` and `not_after` (whole seconds) ask for exact ends instead and are refused alike. `proofs`
    and `directory` are ACME's, `renewed_from` the id of the certificate that this one renews. `csr_field` is
    the part of the door's request that errors about a CSR name.
    """

    action: ClassVar[str] = "x509:issue"
    idempotent: ClassVar[bool] = True
    for_sponsor: ClassVar[bool] = True

    profile: str
    authority: str | None = None
    request: CertificateRequest
    ttl: timedelta | None = None
    preferred_ttl: timedelta | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    proofs: tuple[NameProof, ...] = ()
    directory: str | None = None
    renewed_from: str | None = None
    csr_field: str = "csr"
    pkcs12_password: SecretValue[str] | None = None


class ReadCertificate(ProjectOperation[ListedCertificate], frozen=True, kw_only=True):
    """Read one certificate of the inventory. An ACME account may read those issued to itself."""

    action: ClassVar[str] = "x509:read"
    reads: ClassVar[bool] = True

    certificate: str


class CertificateFilter(Struct, frozen=True, kw_only=True):
    """What to list. `name` is exact, or `*.example.com` (all below), or `example.*` (all that begin so).

    `fingerprint` and `key_hash` are SHA-256 in hex, of the certificate and of its SubjectPublicKeyInfo.
    """

    serial_number: str | None = None
    status: CertificateStatus | None = None
    name: str | None = None
    profile: str | None = None
    authority: str | None = None
    expires_before: datetime | None = None
    expires_after: datetime | None = None
    fingerprint: str | None = None
    key_hash: str | None = None


class ListCertificates(ProjectOperation[CertificatePage], frozen=True, kw_only=True):
    """List the inventory. `order_by`: `created_at` or `not_after`, with `-` in front for the last first."""

    action: ClassVar[str] = "x509:read"
    reads: ClassVar[bool] = True

    filter: CertificateFilter = CertificateFilter()
    order_by: str = "-created_at"
    limit: int = 100
    cursor: str | None = None


class RevokeCertificate(ProjectOperation[ListedCertificate], frozen=True, kw_only=True):
    """Revoke a certificate for good; doing it again changes nothing and answers the certificate as it is.

    `proof` is ACME's: `account` (issued to it), `authorizations` or `key` (RFC 8555 section 7.6). A key that
    is compromised is blocked with it: in the organization, or everywhere if the key itself says so.
    """

    action: ClassVar[str] = "x509:revoke"
    takes_away: ClassVar[bool] = True

    certificate: str
    reason: RevocationReason = RevocationReason.UNSPECIFIED
    proof: str | None = None


class RenewCertificate(ProjectOperation[IssuedCertificate], frozen=True, kw_only=True):
    """Issue a certificate for the names of another: with a new key if we made the old one, else the same key.

    `csr_der` brings another key; the names it asks for, if any, must be those of the old certificate.
    `same_key` certifies the old key again, whoever made it. `is_automatic` is the renewing job's.
    """

    action: ClassVar[str] = "x509:renew"
    idempotent: ClassVar[bool] = True
    for_sponsor: ClassVar[bool] = True

    certificate: str
    csr_der: bytes | None = None
    same_key: bool = False
    pkcs12_password: SecretValue[str] | None = None
    is_automatic: bool = False
