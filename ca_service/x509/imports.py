"""Certificates that others issued: read from PEM, their chain checked link by link (RFC 5280 section 6.1)."""

import re
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from msgspec import Struct

from ca_service.kernel.errors import ConflictError, MalformedError, UnacceptableError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import Name, NameKind
from ca_service.x509.blocked_keys import key_hash
from ca_service.x509.certificates import CertificateStatus, serial_text

MOST_PEM = 64 * 1024
MOST_CHAIN = 8
_MOST_NAMES = 1000
_MOST_NAME = 1000
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*")
_CURVES = {"secp256r1": "EC_P256", "secp384r1": "EC_P384", "secp521r1": "EC_P521"}
_KINDS: dict[type[x509.GeneralName], NameKind] = {
    x509.DNSName: NameKind.DNS,
    x509.IPAddress: NameKind.IP,
    x509.RFC822Name: NameKind.EMAIL,
    x509.UniformResourceIdentifier: NameKind.URI,
}


class ImportMalformedError(MalformedError):
    """The text is no certificate."""


class ChainRefusedError(UnacceptableError):
    """The chain does not lead from the certificate upwards."""


class AlreadyInInventoryError(ConflictError):
    """The certificate stands in the inventory."""


class ImportedCertificate(Struct, frozen=True, kw_only=True):
    """A certificate of somebody else's authority. `key_algorithm` is any word, for their keys may be any.

    `is_verified`: its chain led to a self-signed end when it was imported. Whether that one is to be trusted
    is not said, and nobody here can revoke the certificate.
    """

    id: str
    tenant: Tenant
    issuer: str
    serial_number: str
    common_name: str | None
    names: tuple[Name, ...]
    key_algorithm: str
    der: bytes
    chain_pem: tuple[str, ...]
    is_verified: bool
    not_before: datetime
    not_after: datetime
    owner: str
    created_at: datetime
    fingerprint: bytes
    key_hash: bytes

    @property
    def status(self) -> CertificateStatus:
        """Return how it stands in the inventory; whether it has ended is told by `not_after`."""
        return CertificateStatus.IMPORTED if self.is_verified else CertificateStatus.UNVERIFIED


def parse_certificate_pem(text: str, *, field: str) -> x509.Certificate:
    """Return the one certificate that `text` is. Raises ImportMalformedError."""
    if len(text) > MOST_PEM or _PEM.fullmatch(text) is None:
        detail = "This is not one PEM block that begins with -----BEGIN CERTIFICATE-----."
        raise ImportMalformedError(detail, field=field, rule="certificate-pem")
    try:
        certificate = x509.load_pem_x509_certificate(text.encode("ascii"))
        certificate.extensions  # noqa: B018 - read here, where a mistake in them is the caller's
        certificate.public_key()
        certificate.subject, certificate.issuer  # noqa: B018
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion) as error:
        detail = "The certificate cannot be read: its encoding or its key is of no kind known here."
        raise ImportMalformedError(detail, field=field, rule="certificate-encoding") from error
    return certificate


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether an issuer's name and key are those that a certificate was signed by."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def verify_chain(certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> bool:
    """Return whether the chain leads to a self-signed end. Raises ChainRefusedError for a broken link."""
    if len(chain) > MOST_CHAIN:
        detail = f"A chain has at most {MOST_CHAIN} certificates."
        raise ChainRefusedError(detail, field="chain", rule="chain-length")
    below, last = certificate, certificate
    for place, issuer in enumerate(chain):
        field = f"chain[{place}]"
        if not may_issue(issuer, authorities_below=place):
            detail = "This certificate is no authority's, or not for so many authorities below it."
            raise ChainRefusedError(detail, field=field, rule="chain-authority")
        if not is_issued_by(below, issuer):
            detail = "This certificate did not sign the one before it; give the chain issuer first."
            raise ChainRefusedError(detail, field=field, rule="chain-signature")
        below = last = issuer
    return is_issued_by(last, last)


def may_issue(issuer: x509.Certificate, *, authorities_below: int) -> bool:
    """Tell whether a certificate is an authority's, for so many authorities below it."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    if not constraints.ca:
        return False
    if constraints.path_length is not None and constraints.path_length < authorities_below:
        return False
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign


def imported_names(certificate: x509.Certificate) -> tuple[Name, ...]:
    """Return the names of a certificate, as they stand there; kinds that we do not know are left out."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = []
    for general_name in found:
        kind = _KINDS.get(type(general_name))
        value = str(general_name.value)
        if kind is not None and len(value) <= _MOST_NAME:
            names.append(Name(kind, value.lower() if kind is NameKind.DNS else value))
    return tuple(names[:_MOST_NAMES])


def imported_common_name(certificate: x509.Certificate) -> str | None:
    """Return the first common name of the subject."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not found:
        return None
    value = found[0].value
    return (value if isinstance(value, str) else value.decode("latin-1"))[:_MOST_NAME]


def key_word(certificate: x509.Certificate) -> str:
    """Return the key's algorithm in a word: ours where we have one."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA_{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, f"EC_{key.curve.name}")
    return type(key).__name__.lstrip("_").removesuffix("PublicKey").upper()


def imported_certificate(
    certificate: x509.Certificate,
    der: bytes,
    chain_pem: tuple[str, ...],
    *,
    is_verified: bool,
    id_: str,
    tenant: Tenant,
    owner: str,
    now: datetime,
) -> ImportedCertificate:
    """Return a certificate as the inventory keeps it."""
    return ImportedCertificate(
        id=id_,
        tenant=tenant,
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=serial_text(certificate.serial_number),
        common_name=imported_common_name(certificate),
        names=imported_names(certificate),
        key_algorithm=key_word(certificate),
        der=der,
        chain_pem=chain_pem,
        is_verified=is_verified,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        owner=owner,
        created_at=now,
        fingerprint=sha256(der).digest(),
        key_hash=key_hash(certificate.public_key()),
    )
