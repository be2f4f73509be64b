"""What a certificate looks like, and the check that it is what was decided (RFC 5280 section 4)."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, cast

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.withheld_keys import PublicKey
from ca_service.policy.names import Name, NameKind, name_of_address
from ca_service.x509.der import SEQUENCE, elements, encoded, only_element
from ca_service.x509.errors import ArtefactMismatchError
from ca_service.x509.issuers import Extensions, Issuer, encoded_extension
from ca_service.x509.lint import lint_leaf
from ca_service.x509.profiles import RevocationPointer, SubjectFields
from ca_service.x509.usages import Usages
from ca_service.x509.validity import Validity

_NO_AUTHORITY = encoded_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)


_ALTERNATIVE_NAMES = x509.SubjectAlternativeName.oid
_BASIC_CONSTRAINTS = x509.BasicConstraints.oid
_KEY_USAGE = x509.KeyUsage.oid
_EXTENDED_KEY_USAGE = x509.ExtendedKeyUsage.oid
#: What else stands in certificates of end entities.
_LEAF_EXTENSIONS = frozenset(
    {
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.FRESHEST_CRL,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.TLS_FEATURE,
    }
)
#: What comes from an authority's own operations only.
_WITHHELD_PURPOSES = frozenset({ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.OCSP_SIGNING})
_COMMON_NAME = NameOID.COMMON_NAME
_FIELDS = {
    "country": NameOID.COUNTRY_NAME,
    "state": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
}
_NO_FIELDS = SubjectFields()
#: id-ad-caIssuers, 1.3.6.1.5.5.7.48.2
_CA_ISSUERS = bytes.fromhex("2b06010505073002")
_KINDS: dict[type[x509.GeneralName], NameKind] = {
    x509.DNSName: NameKind.DNS,
    x509.IPAddress: NameKind.IP,
    x509.RFC822Name: NameKind.EMAIL,
    x509.UniformResourceIdentifier: NameKind.URI,
}


class Subject(Struct, frozen=True, kw_only=True):
    """Whom a certificate is for: all that was decided, nothing of the request's own text.

    `fields` are what stands in the subject in front of the common name. `names_issuer` tells that it says
    where its issuer's certificate is.
    """

    common_name: str | None
    names: tuple[Name, ...]
    usages: Usages
    key_algorithm: KeyAlgorithm
    revocation_pointers: tuple[RevocationPointer, ...] = (RevocationPointer.CRL,)
    fields: SubjectFields = SubjectFields()
    names_issuer: bool = True

    @property
    def attributes(self) -> list[tuple[x509.ObjectIdentifier, str]]:
        """Return what stands in the subject, in order; nothing if it is empty."""
        fields = self.fields
        found = [] if fields is _NO_FIELDS or fields == _NO_FIELDS else _given(fields)
        if self.common_name is not None:
            found.append((_COMMON_NAME, self.common_name))
        return found


def leaf_template(
    issuer: Issuer, subject: Subject, public_key: PublicKey, serial_number: int, validity: Validity
) -> x509.CertificateBuilder:
    """Return the certificate of an end entity, checked and ready to be signed.

    Raises ProfileRefusedError if our checks find anything.
    """
    attributes = subject.attributes
    extensions = _extensions(issuer, subject, public_key, serial_number)
    lint_leaf(
        extensions,
        common_name=subject.common_name,
        has_subject=bool(attributes),
        names=subject.names,
        serial_number=serial_number,
        validity=validity,
        issuer_validity=issuer.validity,
        issuer_key=issuer.key_identifier.key_identifier,
    )
    # The builder's methods copy it at each step; its constructor takes all at once and wants naive UTC.
    return x509.CertificateBuilder(
        issuer_name=issuer.name,
        subject_name=x509.Name([x509.NameAttribute(*attribute) for attribute in attributes]),
        public_key=public_key,
        serial_number=serial_number,
        not_valid_before=validity.not_before.replace(tzinfo=None),
        not_valid_after=validity.not_after.replace(tzinfo=None),
        extensions=extensions,
    )


def _given(fields: SubjectFields) -> list[tuple[x509.ObjectIdentifier, str]]:
    values = ((oid, getattr(fields, name)) for name, oid in _FIELDS.items())
    return [(oid, value) for oid, value in values if value is not None]


def _extensions(
    issuer: Issuer, subject: Subject, public_key: PublicKey, serial_number: int
) -> list[x509.Extension[x509.ExtensionType]]:
    extensions: list[x509.Extension[x509.ExtensionType]] = [
        _NO_AUTHORITY,
        *subject.usages.extensions(subject.key_algorithm),
    ]
    if subject.names:
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in subject.names])
        # Critical if and only if the subject is empty (RFC 5280 section 4.2.1.6).
        is_alone = subject.common_name is None and not subject.attributes
        extensions.append(x509.Extension(alternatives.oid, critical=is_alone, value=alternatives))
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    extensions.append(x509.Extension(identifier.oid, critical=False, value=identifier))
    told = issuer.extensions_with(subject.revocation_pointers, serial_number)
    extensions.extend(told if subject.names_issuer else _without_issuer(told))
    return extensions


def _without_issuer(extensions: Extensions) -> Extensions:
    """Return what a certificate says of its issuer but for where that one's certificate is."""
    kept = []
    for extension in extensions:
        value = extension.value
        if extension.oid == ExtensionOID.AUTHORITY_INFORMATION_ACCESS:
            assert isinstance(value, x509.UnrecognizedExtension)
            others = [
                encoded(SEQUENCE, access)
                for _, access in elements(only_element(value.value, SEQUENCE))
                if next(elements(access))[1] != _CA_ISSUERS
            ]
            if not others:
                continue
            shorter = x509.UnrecognizedExtension(extension.oid, encoded(SEQUENCE, *others))
            extension = x509.Extension(extension.oid, extension.critical, shorter)
        kept.append(extension)
    return tuple(kept)


def _general_name(name: Name) -> x509.GeneralName:
    match name.kind:
        case NameKind.DNS:
            return x509.DNSName(name.value)
        case NameKind.IP:
            return x509.IPAddress(ip_address(name.value))
        case NameKind.EMAIL:
            return x509.RFC822Name(name.value)
        case NameKind.URI:
            return x509.UniformResourceIdentifier(name.value)
        case NameKind.PRINCIPAL:
            raise ValueError("a principal does not stand in an X.509 certificate")


def verify_artefact(der: bytes, subject: Subject, serial_number: int, validity: Validity) -> None:
    """Parse what was signed and compare it with what was decided (S7). Raises ArtefactMismatchError."""
    certificate = x509.load_der_x509_certificate(der)
    attributes = [(attribute.oid, attribute.value) for attribute in certificate.subject]
    is_same = (
        certificate.serial_number == serial_number
        and certificate.not_valid_before_utc == validity.not_before
        and certificate.not_valid_after_utc == validity.not_after
        and attributes == subject.attributes
    )
    is_leaf, signs_nothing = False, False
    purposes: tuple[x509.ObjectIdentifier, ...] = ()
    names: tuple[Name, ...] = ()
    # Compared by identifier: isinstance walks the abstract classes of the library at each extension.
    for extension in certificate.extensions:
        if extension.oid == _ALTERNATIVE_NAMES:
            names = tuple(_name(general_name) for general_name in cast("Any", extension.value))
        elif extension.oid == _BASIC_CONSTRAINTS:
            is_leaf = cast("Any", extension.value).ca is False
        elif extension.oid == _KEY_USAGE:
            usage = cast("Any", extension.value)
            signs_nothing = not (usage.key_cert_sign or usage.crl_sign)
        elif extension.oid == _EXTENDED_KEY_USAGE:
            purposes = tuple(cast("Any", extension.value))
        elif extension.oid not in _LEAF_EXTENSIONS:
            raise ArtefactMismatchError("A certificate that was signed has an extension that nobody decided.")
    # Last of all and whatever came before: no authority, no responder, nothing for every purpose.
    is_leaf = is_leaf and signs_nothing and purposes == subject.usages.purpose_oids
    is_leaf = is_leaf and not _WITHHELD_PURPOSES & {*purposes}
    if not (is_same and is_leaf and set(names) == set(subject.names) and len(names) == len(subject.names)):
        raise ArtefactMismatchError("A certificate that was signed is not the one that was decided.")


def _name(general_name: x509.GeneralName) -> Name:
    kind = _KINDS.get(type(general_name))
    value: Any = general_name.value
    if kind is NameKind.IP:
        if type(value) in {IPv4Address, IPv6Address}:
            return name_of_address(value)
    elif kind is not None:
        return Name(kind, value)
    raise ArtefactMismatchError("A certificate that was signed has a name of a kind that nobody decided.")
