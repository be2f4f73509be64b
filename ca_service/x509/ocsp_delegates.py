"""Delegated OCSP responders: short-lived certificates that sign an authority's answers (RFC 6960 4.2.2.2).

Such a certificate is never asked about (id-pkix-ocsp-nocheck), so it lives for days and is replaced long
before its end; answers of the former one stay good until theirs.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.withheld_keys import PublicKey
from ca_service.x509.errors import ArtefactMismatchError
from ca_service.x509.issuers import Issuer, PublicAddresses
from ca_service.x509.ocsp_answers import ANSWER_LIFETIME
from ca_service.x509.validity import Validity

DELEGATE_LIFETIME = timedelta(days=7)
#: What stands in the inventory where others have the name of their profile; no profile is so named.
DELEGATE_PROFILE = "@ocsp-responder"
_RSA = "RSA_"
_EC = "EC_"


class Delegate(Struct, frozen=True, kw_only=True):
    """A responder: its key in custody, its certificate, and when another one is to follow."""

    generation: int
    key_id: str
    certificate_id: str
    der: bytes
    not_after: datetime
    renew_at: datetime
    is_revoked: bool = False

    def is_due(self, now: datetime) -> bool:
        """Tell a responder that is to be replaced."""
        return self.is_revoked or now >= self.renew_at

    def can_sign(self, now: datetime) -> bool:
        """Tell a responder whose answers would be believed for as long as answers are good."""
        return not self.is_revoked and now + ANSWER_LIFETIME < self.not_after


def renewal_of(validity: Validity, now: datetime) -> datetime:
    """Return when to replace a responder with these ends: at half of its life."""
    return now + (validity.not_after - now) / 2


def key_algorithm_of(authority: KeyAlgorithm) -> KeyAlgorithm:
    """Return the fastest key of the family that whoever verifies the authority knows too."""
    if authority.value.startswith(_RSA):
        return KeyAlgorithm.RSA_2048
    return KeyAlgorithm.EC_P256 if authority.value.startswith(_EC) else authority


def delegate_template(
    issuer: Issuer,
    public_key: PublicKey,
    serial_number: int,
    validity: Validity,
    addresses: PublicAddresses,
) -> x509.CertificateBuilder:
    """Return the certificate of a responder, ready to be signed by the authority it answers for."""
    where = x509.UniformResourceIdentifier(addresses.certificate(issuer.authority.id))
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
    values: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_USAGE, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        (x509.OCSPNoCheck(), False),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        (issuer.key_identifier, False),
        (x509.AuthorityInformationAccess([access]), False),
    )
    return x509.CertificateBuilder(
        issuer_name=issuer.name,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name_of(issuer))]),
        public_key=public_key,
        serial_number=serial_number,
        not_valid_before=validity.not_before.replace(tzinfo=None),
        not_valid_after=validity.not_after.replace(tzinfo=None),
        extensions=[x509.Extension(value.oid, critical=critical, value=value) for value, critical in values],
    )


def common_name_of(issuer: Issuer) -> str:
    """Return the common name of a responder; at most 64 characters (RFC 5280 appendix A.1)."""
    return f"OCSP responder of {issuer.authority.name}"[:64]


def verify_delegate(der: bytes, issuer: Issuer, public_key: PublicKey, serial_number: int) -> None:
    """Parse what was signed: a responder's and nothing more (S7). Raises ArtefactMismatchError."""
    found = x509.load_der_x509_certificate(der)
    extensions = found.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    is_as_decided = (
        found.serial_number == serial_number
        and found.issuer == issuer.name
        and found.public_key() == public_key
        and not constraints.ca
        and usage == _USAGE
        and list(purposes) == [ExtendedKeyUsageOID.OCSP_SIGNING]
        and len(extensions) == _EXTENSIONS
    )
    if not is_as_decided:
        raise ArtefactMismatchError("A responder's certificate that was signed is not the one decided.")


_EXTENSIONS = 7
_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
