"""What the certificate of an authority looks like (RFC 5280 section 4.2.1), and the check that it is so."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from msgspec import Struct

from ca_service.custody.withheld_keys import PublicKey
from ca_service.x509.authority_constraints import AuthorityConstraints, read_authority_constraints
from ca_service.x509.errors import ArtefactMismatchError
from ca_service.x509.issuers import Issuer
from ca_service.x509.name_constraints import constraints_extension
from ca_service.x509.profiles import RevocationPointer
from ca_service.x509.validity import Validity

ORGANIZATION = "Keywright"


class AuthorityDraft(Struct, frozen=True, kw_only=True):
    """All that was decided of an authority's certificate; nothing of a request's own text.

    `issuer` is None for a root, which signs itself. `key_identifier` is taken over where the key had one.
    """

    public_key: PublicKey
    subject: x509.Name
    serial_number: int
    validity: Validity
    constraints: AuthorityConstraints
    issuer: Issuer | None
    key_identifier: x509.SubjectKeyIdentifier | None = None

    @property
    def identifier(self) -> x509.SubjectKeyIdentifier:
        """Return the identifier of the key (RFC 5280 section 4.2.1.2)."""
        return self.key_identifier or x509.SubjectKeyIdentifier.from_public_key(self.public_key)


def authority_subject(
    public_key: PublicKey,
    label: str,
    *,
    common_name: str | None,
    organization: str | None = None,
    country: str | None = None,
) -> x509.Name:
    """Return the name of an authority.

    Left out, the common name is made of `label` and the key's identifier, so that no two authorities share
    one, and the organization is ours.
    """
    digest = x509.SubjectKeyIdentifier.from_public_key(public_key).digest.hex()[:8]
    attributes = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization or ORGANIZATION),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name or f"{label} {digest}"),
    ]
    if country is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.COUNTRY_NAME, country))
    return x509.Name(attributes)


def authority_template(draft: AuthorityDraft) -> x509.CertificateBuilder:
    """Return the certificate of an authority, ready to be signed by its issuer or by itself."""
    issuer = draft.issuer
    return x509.CertificateBuilder(
        issuer_name=draft.subject if issuer is None else issuer.name,
        subject_name=draft.subject,
        public_key=draft.public_key,
        serial_number=draft.serial_number,
        not_valid_before=draft.validity.not_before.replace(tzinfo=None),
        not_valid_after=draft.validity.not_after.replace(tzinfo=None),
        extensions=_extensions(draft),
    )


def _extensions(draft: AuthorityDraft) -> list[x509.Extension[x509.ExtensionType]]:
    constraints = draft.constraints
    basic = x509.BasicConstraints(ca=True, path_length=constraints.path_length)
    values = [_extension(basic, critical=True), _extension(AUTHORITY_USAGE, critical=True)]
    values.append(_extension(draft.identifier, critical=False))
    if constraints.purposes:
        values.append(_extension(x509.ExtendedKeyUsage(constraints.purposes), critical=False))
    if not constraints.names.is_empty:
        values.append(_extension(constraints_extension(constraints.names), critical=True))
    if draft.issuer is None:
        own = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(draft.identifier)
        values.append(_extension(own, critical=False))
    else:
        values.extend(draft.issuer.extensions_with((RevocationPointer.CRL,), draft.serial_number))
    return values


def _extension(value: x509.ExtensionType, *, critical: bool) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(value.oid, critical=critical, value=value)


def verify_authority_artefact(certificate: x509.Certificate, draft: AuthorityDraft) -> bytes:
    """Parse what was signed, compare it with what was decided, and return it in DER (S7).

    The signature is verified too: a key that is not the one in its certificate, as on a token that was set
    up anew, would make a chain that nobody accepts. Raises ArtefactMismatchError.
    """
    der = certificate.public_bytes(serialization.Encoding.DER)
    parsed = x509.load_der_x509_certificate(der)
    extensions = parsed.extensions
    is_same = (
        parsed.subject == draft.subject
        and parsed.issuer == (draft.subject if draft.issuer is None else draft.issuer.name)
        and parsed.public_key() == draft.public_key
        and parsed.serial_number == draft.serial_number
        and parsed.not_valid_before_utc == draft.validity.not_before
        and parsed.not_valid_after_utc == draft.validity.not_after
        and extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        and extensions.get_extension_for_class(x509.KeyUsage).value == AUTHORITY_USAGE
        and read_authority_constraints(parsed) == draft.constraints
        and len(extensions) == len(_extensions(draft))
    )
    if not is_same:
        raise ArtefactMismatchError("An authority's certificate is not the one that was decided.")
    try:
        parsed.verify_directly_issued_by(parsed if draft.issuer is None else draft.issuer.certificate)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
        detail = "An authority's certificate is not signed by the key of its issuer."
        raise ArtefactMismatchError(detail) from error
    return der


#: OCSP answers are neither certificates nor CRLs: the first bit is for them (RFC 5280 section 4.2.1.3).
AUTHORITY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
