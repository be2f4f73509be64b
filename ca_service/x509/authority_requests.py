"""Requests about certificates of authorities: those that we make, and those that others bring (RFC 2986)."""

import re
import unicodedata

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.withheld_keys import PublicKey
from ca_service.policy.names import NameRefusedError
from ca_service.x509.authority_constraints import AuthorityConstraints
from ca_service.x509.authority_template import AUTHORITY_USAGE
from ca_service.x509.errors import CsrMalformedError, CsrRefusedError
from ca_service.x509.name_constraints import constraints_extension
from ca_service.x509.requests import parse_proven_key
from ca_service.x509.subjects import HIDDEN_CATEGORIES

#: Upper bounds of RFC 5280 appendix A.1, where they are.
_TEXT_LIMIT = 64
_COUNTRY = re.compile(r"[A-Z]{2}")
_MOST_ATTRIBUTES = 8
_ATTRIBUTES = {
    NameOID.COUNTRY_NAME: 2,
    NameOID.STATE_OR_PROVINCE_NAME: 128,
    NameOID.LOCALITY_NAME: 128,
    NameOID.ORGANIZATION_NAME: 64,
    NameOID.ORGANIZATIONAL_UNIT_NAME: 64,
    NameOID.COMMON_NAME: 64,
    NameOID.SERIAL_NUMBER: 64,
    NameOID.DOMAIN_COMPONENT: 63,
}


class AuthorityCsr(Struct, frozen=True):
    """What is taken from the CSR of an authority elsewhere: a key whose possession it proved, and a name."""

    public_key: PublicKey
    key_algorithm: KeyAlgorithm
    subject: x509.Name


def parse_authority_csr(der: bytes, *, field: str = "csr") -> AuthorityCsr:
    """Return key and subject of a CSR; what it asks for beside them is not looked at, and never copied.

    Raises CsrMalformedError or CsrRefusedError.
    """
    request, key, algorithm = parse_proven_key(der, field=field)
    try:
        subject = request.subject
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CsrMalformedError(
            "The CSR's subject cannot be read.", field=field, rule="csr-encoding"
        ) from error
    _verify_subject(subject, field)
    return AuthorityCsr(key, algorithm, subject)


def _verify_subject(subject: x509.Name, field: str) -> None:
    attributes = list(subject)
    if len(attributes) > _MOST_ATTRIBUTES or any(len(rdn) != 1 for rdn in subject.rdns):
        detail = f"The CSR's subject has more than {_MOST_ATTRIBUTES} parts, or one of several attributes."
        raise CsrRefusedError(detail, field=field, rule="csr-subject")
    for attribute in attributes:
        most = _ATTRIBUTES.get(attribute.oid)
        value = attribute.value
        if most is None or not isinstance(value, str):
            detail = (
                f"The CSR's subject has the attribute {attribute.oid.dotted_string}; an authority's has "
                "country, state, locality, organization, unit, common name, serial number, domain components."
            )
            raise CsrRefusedError(detail, field=field, rule="csr-subject")
        if not 0 < len(value) <= most or _is_hidden(value):
            detail = "A part of the CSR's subject is empty, too long, or has a character that does not show."
            raise CsrRefusedError(detail, field=field, rule="csr-subject")


def parse_organization(text: str | None) -> str | None:
    """Return the organization of a subject. Raises NameRefusedError."""
    if text is not None and (not 0 < len(text) <= _TEXT_LIMIT or _is_hidden(text) or text != text.strip()):
        detail = f"An organization has 1 to {_TEXT_LIMIT} characters that show, and no space around them."
        raise NameRefusedError(detail, field="organization", rule="organization")
    return text


def parse_country(text: str | None) -> str | None:
    """Return the country of a subject (ISO 3166). Raises NameRefusedError."""
    if text is not None and _COUNTRY.fullmatch(text) is None:
        detail = "A country is two upper-case letters: DE, FR, US."
        raise NameRefusedError(detail, field="country", rule="country")
    return text


def _is_hidden(text: str) -> bool:
    return any(unicodedata.category(character) in HIDDEN_CATEGORIES for character in text)


def request_builder(
    subject: x509.Name, identifier: x509.SubjectKeyIdentifier | None, constraints: AuthorityConstraints
) -> x509.CertificateSigningRequestBuilder:
    """Return the request by which an authority elsewhere certifies one of ours, to be signed by our key."""
    basic = x509.BasicConstraints(ca=True, path_length=constraints.path_length)
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(basic, critical=True)
        .add_extension(AUTHORITY_USAGE, critical=True)
    )
    if identifier is not None:
        builder = builder.add_extension(identifier, critical=False)
    if constraints.purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(constraints.purposes), critical=False)
    if not constraints.names.is_empty and not constraints.names.has_others:
        builder = builder.add_extension(constraints_extension(constraints.names), critical=True)
    return builder
