"""What a certificate looks like, and the check that it is what was decided (RFC 5280 section 4)."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, cast

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.policy.names import Name, NameKind, name_of_address
from ca_service.x509.errors import ArtefactMismatchError
from ca_service.x509.issuers import Issuer, encoded_extension
from ca_service.x509.profiles import Purpose, RevocationPointer
from ca_service.x509.requests import PublicKey
from ca_service.x509.validity import Validity

_PURPOSES = {
    Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
    Purpose.EMAIL: ExtendedKeyUsageOID.EMAIL_PROTECTION,
    Purpose.CODE: ExtendedKeyUsageOID.CODE_SIGNING,
}
_NO_AUTHORITY = encoded_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)


_ALTERNATIVE_NAMES = x509.SubjectAlternativeName.oid
_BASIC_CONSTRAINTS = x509.BasicConstraints.oid
_KINDS: dict[type[x509.GeneralName], NameKind] = {
    x509.DNSName: NameKind.DNS,
    x509.IPAddress: NameKind.IP,
    x509.RFC822Name: NameKind.EMAIL,
    x509.UniformResourceIdentifier: NameKind.URI,
}


class Subject(Struct, frozen=True, kw_only=True):
    """Whom a certificate is for: all that was decided, nothing of the request's own text."""

    common_name: str | None
    names: tuple[Name, ...]
    purposes: tuple[Purpose, ...]
    key_algorithm: KeyAlgorithm
    revocation_pointers: tuple[RevocationPointer, ...] = (RevocationPointer.CRL,)


def leaf_template(
    issuer: Issuer, subject: Subject, public_key: PublicKey, serial_number: int, validity: Validity
) -> x509.CertificateBuilder:
    """Return the certificate of an end entity, ready to be signed."""
    # The builder's methods copy it at each step; its constructor takes all at once and wants naive UTC.
    return x509.CertificateBuilder(
        issuer_name=issuer.name,
        subject_name=_subject_name(subject.common_name),
        public_key=public_key,
        serial_number=serial_number,
        not_valid_before=validity.not_before.replace(tzinfo=None),
        not_valid_after=validity.not_after.replace(tzinfo=None),
        extensions=_extensions(issuer, subject, public_key),
    )


def _subject_name(common_name: str | None) -> x509.Name:
    if common_name is None:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _extensions(
    issuer: Issuer, subject: Subject, public_key: PublicKey
) -> list[x509.Extension[x509.ExtensionType]]:
    extensions: list[x509.Extension[x509.ExtensionType]] = [
        _NO_AUTHORITY,
        *_usages(subject.key_algorithm, subject.purposes),
    ]
    if subject.names:
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in subject.names])
        # Critical if and only if the subject is empty (RFC 5280 section 4.2.1.6).
        extensions.append(
            x509.Extension(alternatives.oid, critical=subject.common_name is None, value=alternatives)
        )
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    extensions.append(x509.Extension(identifier.oid, critical=False, value=identifier))
    extensions.extend(issuer.extensions_with(subject.revocation_pointers))
    return extensions


@lru_cache(maxsize=64)
def _usages(
    algorithm: KeyAlgorithm, purposes: tuple[Purpose, ...]
) -> tuple[x509.Extension[x509.ExtensionType], ...]:
    """Return key usage and extended key usage. Only RSA keys encipher, and only for servers."""
    key_usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=algorithm.is_rsa and Purpose.SERVER in purposes,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    extended = x509.ExtendedKeyUsage([_PURPOSES[purpose] for purpose in purposes])
    return encoded_extension(key_usage, critical=True), encoded_extension(extended, critical=False)


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
    common_names = [attribute.value for attribute in certificate.subject]
    is_same = (
        certificate.serial_number == serial_number
        and certificate.not_valid_before_utc == validity.not_before
        and certificate.not_valid_after_utc == validity.not_after
        and common_names == ([] if subject.common_name is None else [subject.common_name])
    )
    is_leaf = False
    names: tuple[Name, ...] = ()
    # Compared by identifier: isinstance walks the abstract classes of the library at each extension.
    for extension in certificate.extensions:
        if extension.oid == _ALTERNATIVE_NAMES:
            names = tuple(_name(general_name) for general_name in cast("Any", extension.value))
        elif extension.oid == _BASIC_CONSTRAINTS:
            is_leaf = cast("Any", extension.value).ca is False
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
