"""Certificates that an authority elsewhere made for a key of ours: read strictly, believed in nothing.

Sources: RFC 5280 sections 4.2.1.2, 4.2.1.3, 4.2.1.9 and 6.1. Whoever brings a chain is told what is wrong
with which of its certificates.
"""

import base64
import binascii
import re
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import SignatureAlgorithmOID
from msgspec import Struct

from ca_service.custody.withheld_keys import PublicKey
from ca_service.kernel.errors import MalformedError, UnacceptableError
from ca_service.x509.authorities import DEEPEST
from ca_service.x509.errors import CsrRefusedError
from ca_service.x509.public_keys import parse_key_algorithm

E = TypeVar("E", bound=x509.ExtensionType)
_Folded: TypeAlias = list[frozenset[tuple[str, str]]]

#: One certificate in DER; those of ML-DSA with a few names stay below it.
CERTIFICATE_LIMIT = 32 * 1024

_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----\s+(?P<body>[A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", re.ASCII
)
_WEAK = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_MD5,
        SignatureAlgorithmOID.RSA_WITH_SHA1,
        # The other number of RSA with SHA-1 (OIW).
        x509.ObjectIdentifier("1.3.14.3.2.29"),
        SignatureAlgorithmOID.DSA_WITH_SHA1,
        SignatureAlgorithmOID.ECDSA_WITH_SHA1,
    }
)
#: Critical extensions whose meaning is taken into account here, or which only an end entity is bound by.
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage, x509.NameConstraints, x509.ExtendedKeyUsage)


class ImportRefusedError(UnacceptableError):
    """A certificate from an external parent is not what an authority of ours can stand on."""


class ImportedChain(Struct, frozen=True):
    """A certificate for a key of ours and what stands above it, nearest first, each verified by the next."""

    certificate: x509.Certificate
    der: bytes
    above: tuple[bytes, ...]


def parse_certificates_pem(text: str, *, field: str) -> tuple[bytes, ...]:
    """Return the certificates of a PEM bundle in DER, in their order. Raises MalformedError."""
    if len(text) > 2 * CERTIFICATE_LIMIT * (DEEPEST + 1):
        raise MalformedError("The certificates are too large.", field=field, rule="certificate-size")
    blocks = list(_PEM.finditer(text))
    if not blocks or _PEM.sub("", text).strip():
        detail = (
            "This is not a row of PEM blocks that begin with -----BEGIN CERTIFICATE----- and nothing else."
        )
        raise MalformedError(detail, field=field, rule="certificate-pem")
    if len(blocks) > DEEPEST + 1:
        detail = f"There are {len(blocks)} certificates; a chain has at most {DEEPEST + 1}."
        raise MalformedError(detail, field=field, rule="chain-length")
    try:
        return tuple(base64.b64decode("".join(block["body"].split()), validate=True) for block in blocks)
    except binascii.Error as error:
        raise MalformedError("The base64 is damaged.", field=field, rule="certificate-pem") from error


def verify_import(
    certificate_der: bytes, chain: tuple[bytes, ...], public_key: PublicKey, now: datetime
) -> ImportedChain:
    """Return a chain in which every link is an authority, valid now, and signed by the next.

    The chain may end below a root: then nothing above its last link is known, and nothing is claimed of it.
    Raises MalformedError, ImportRefusedError.
    """
    links = [_parse(der, _field(place)) for place, der in enumerate((certificate_der, *chain))]
    if links[0].public_key() != public_key:
        detail = "The certificate is for another key; sign the CSR of this authority (POST …/csr)."
        raise ImportRefusedError(detail, field="certificate", rule="import-key")
    for place, link in enumerate(links):
        _verify_authority(link, place, now)
    for place, (link, above) in enumerate(pairwise(links)):
        _verify_signed(link, above, place + 1)
    _verify_own_signature(links[-1], len(links) - 1)
    _verify_anchor(links)
    _verify_subjects(links)
    return ImportedChain(links[0], certificate_der, chain)


def verify_continues(imported: x509.Certificate, current: x509.Certificate) -> None:
    """Refuse a certificate under which what was issued before would no longer verify.

    Issuer names and key identifiers stand in every certificate issued; both must stay. Raises
    ImportRefusedError.
    """
    if imported.subject.public_bytes() != current.subject.public_bytes():
        detail = f"The subject is not that of the authority, {current.subject.rfc4514_string()}."
        raise ImportRefusedError(detail, field="certificate", rule="import-subject")
    if _key_identifier(imported) != _key_identifier(current):
        detail = "The subject key identifier is not that of the authority's certificate."
        raise ImportRefusedError(detail, field="certificate", rule="import-key-identifier")


def _field(place: int) -> str:
    return "certificate" if place == 0 else f"chain[{place - 1}]"


def _parse(der: bytes, field: str) -> x509.Certificate:
    if len(der) > CERTIFICATE_LIMIT:
        raise MalformedError("The certificate is too large.", field=field, rule="certificate-size")
    try:
        certificate = x509.load_der_x509_certificate(der)
        # What is read lazily is read now.
        _ = (certificate.extensions, certificate.subject, certificate.issuer, certificate.not_valid_after_utc)
        key = certificate.public_key()
    except (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.InvalidVersion,
        x509.DuplicateExtension,
    ) as error:
        raise MalformedError(
            "This is not an X.509 certificate of version 3 that can be read.",
            field=field,
            rule="certificate-encoding",
        ) from error
    except x509.UnsupportedGeneralNameType as error:
        detail = "The certificate has a name of a kind that cannot be read."
        raise ImportRefusedError(detail, field=field, rule="import-names") from error
    try:
        parse_key_algorithm(key, field=field)
    except CsrRefusedError as error:
        raise ImportRefusedError(error.detail, field=field, rule=error.rule) from error
    return certificate


def _verify_authority(certificate: x509.Certificate, place: int, now: datetime) -> None:
    """Refuse what is no authority with room for those below it, or is not valid now."""
    field = _field(place)
    basic = _extension(certificate, x509.BasicConstraints)
    if basic is None or not basic.value.ca or not basic.critical:
        detail = "The certificate is not one of an authority: basicConstraints critical, with CA:TRUE."
        raise ImportRefusedError(detail, field=field, rule="import-basic-constraints")
    length = basic.value.path_length
    if length is not None and length < place:
        detail = f"The path length {length} does not allow the {place} authorities below it."
        raise ImportRefusedError(detail, field=field, rule="import-path-length")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is None or not usage.value.key_cert_sign:
        detail = "The key usage does not allow signing certificates (keyCertSign)."
        raise ImportRefusedError(detail, field=field, rule="import-key-usage")
    if place == 0 and not usage.value.crl_sign:
        detail = "The key usage does not allow signing CRLs (cRLSign), which this authority does."
        raise ImportRefusedError(detail, field=field, rule="import-key-usage")
    if place == 0 and _extension(certificate, x509.SubjectKeyIdentifier) is None:
        detail = "The certificate has no subject key identifier, which authorities must have."
        raise ImportRefusedError(detail, field=field, rule="import-key-identifier")
    if not certificate.subject.rdns:
        detail = "The certificate has no subject; an authority has a name."
        raise ImportRefusedError(detail, field=field, rule="import-subject")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        detail = (
            f"The certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ} to "
            f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}, and not now."
        )
        raise ImportRefusedError(detail, field=field, rule="import-dates")
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            detail = f"The critical extension {extension.oid.dotted_string} is not understood here."
            raise ImportRefusedError(detail, field=field, rule="import-critical-extension")


def _verify_signed(certificate: x509.Certificate, issuer: x509.Certificate, place: int) -> None:
    if certificate.signature_algorithm_oid in _WEAK:
        detail = "The certificate is signed with SHA-1 or MD5; have it signed anew."
        raise ImportRefusedError(detail, field=_field(place - 1), rule="import-signature-algorithm")
    if certificate.issuer != issuer.subject:
        detail = (
            f"The chain goes on with {certificate.issuer.rfc4514_string()}, nearest first; this is another."
        )
        raise ImportRefusedError(detail, field=_field(place), rule="import-chain-order")
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
        detail = "The key of this certificate did not sign the one below it."
        raise ImportRefusedError(detail, field=_field(place), rule="import-signature") from error


def _verify_own_signature(last: x509.Certificate, place: int) -> None:
    """Refuse a last link that claims to be a root and is none."""
    if last.issuer == last.subject:
        try:
            last.verify_directly_issued_by(last)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
            detail = "The certificate names itself as its issuer, but its own key did not sign it."
            raise ImportRefusedError(detail, field=_field(place), rule="import-signature") from error
    elif last.signature_algorithm_oid in _WEAK:
        detail = "The certificate is signed with SHA-1 or MD5; have it signed anew."
        raise ImportRefusedError(detail, field=_field(place), rule="import-signature-algorithm")


def _verify_anchor(links: list[x509.Certificate]) -> None:
    """Refuse a certificate that signed itself in the place of one by a parent, and one that stands twice."""
    if links[0].issuer == links[0].subject:
        detail = "The certificate signed itself; an external parent signs it with its own key and name."
        raise ImportRefusedError(detail, field="certificate", rule="import-self-signed")
    keys = [link.public_key() for link in links]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            detail = (
                "The key of this certificate stands in the chain before; each authority stands there once."
            )
            raise ImportRefusedError(detail, field=_field(place), rule="import-chain-order")


def _verify_subjects(links: list[x509.Certificate]) -> None:
    """Refuse a subject outside what a link above permits, or in what it excludes (RFC 5280 section 6.1.4)."""
    for place, link in enumerate(links):
        if link.issuer == link.subject:
            continue
        subject = _folded(link.subject)
        for above in links[place + 1 :]:
            constraints = _extension(above, x509.NameConstraints)
            if constraints is None:
                continue
            permitted = _directory_names(constraints.value.permitted_subtrees)
            excluded = _directory_names(constraints.value.excluded_subtrees)
            is_outside = bool(permitted) and not any(_begins(subject, part) for part in permitted)
            if is_outside or any(_begins(subject, part) for part in excluded):
                detail = (
                    f"The name constraints of {above.subject.rfc4514_string()} do not allow the subject "
                    f"{link.subject.rfc4514_string()}."
                )
                raise ImportRefusedError(detail, field=_field(place), rule="import-name-constraints")


def _directory_names(subtrees: list[x509.GeneralName] | None) -> list[_Folded]:
    return [_folded(name.value) for name in subtrees or () if isinstance(name, x509.DirectoryName)]


def _folded(name: x509.Name) -> _Folded:
    """Return a name as it is compared: case and repeated spaces do not count (RFC 5280 section 7.1)."""
    return [
        frozenset((part.oid.dotted_string, " ".join(str(part.value).split()).casefold()) for part in rdn)
        for rdn in name.rdns
    ]


def _begins(subject: _Folded, part: _Folded) -> bool:
    return subject[: len(part)] == part


def _extension(certificate: x509.Certificate, kind: type[E]) -> x509.Extension[E] | None:
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _key_identifier(certificate: x509.Certificate) -> bytes:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
