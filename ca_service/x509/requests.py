"""Reading a request for a certificate: strictly, within bounds, and taking from it only key and names.

Sources: RFC 2986, RFC 7468 section 7. What a CSR asks for beside key and names is never copied: key usages
and unknown extensions are ignored, what would change the nature of the certificate is refused by name.
"""

import base64
import binascii
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.withheld_keys import PublicKey
from ca_service.policy.names import (
    Name,
    NameRefusedError,
    name_of_address,
    parse_dns_name,
    parse_email,
    parse_uri,
)
from ca_service.x509.der import (
    COMMON_NAME,
    PRINTABLE_STRING,
    UTF8_STRING,
    DerError,
    request_subject,
)
from ca_service.x509.errors import CsrMalformedError, CsrRefusedError
from ca_service.x509.public_keys import CERTIFIED, parse_key_algorithm
from ca_service.x509.subjects import CommonName, parse_common_name

#: 100 names of 253 characters and an RSA-4096 key stay below this.
DER_LIMIT = 48 * 1024
MAX_NAMES = 100

_PEM = re.compile(
    r"\s*-----BEGIN (?P<label>(?:NEW )?CERTIFICATE REQUEST)-----\s+"
    r"(?P<body>[A-Za-z0-9+/=\s]+)-----END (?P=label)-----\s*"
)
_SIGNATURES = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.RSASSA_PSS,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
        SignatureAlgorithmOID.ED25519,
        SignatureAlgorithmOID.ML_DSA_44,
        SignatureAlgorithmOID.ML_DSA_65,
        SignatureAlgorithmOID.ML_DSA_87,
    }
)
#: What a CSR may not ask for, with the rule that says so.
_REFUSED_EXTENSIONS = {
    ExtensionOID.PRECERT_POISON: "csr-certificate-transparency",
    ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS: "csr-certificate-transparency",
    ExtensionOID.SIGNED_CERTIFICATE_TIMESTAMPS: "csr-certificate-transparency",
    ExtensionOID.NAME_CONSTRAINTS: "csr-authority",
}


_PARSERS: dict[type[x509.GeneralName], Callable[..., Name]] = {
    x509.DNSName: parse_dns_name,
    x509.RFC822Name: parse_email,
    x509.UniformResourceIdentifier: parse_uri,
}


class ParsedRequest(Struct, frozen=True):
    """What is taken from a CSR whose signature verified: its key, its common name, its names in order.

    `asks_to_staple` tells that it wants a certificate that demands a stapled answer (RFC 7633).
    """

    public_key: PublicKey
    key_algorithm: KeyAlgorithm
    common_name: CommonName | None
    names: tuple[Name, ...]
    asks_to_staple: bool = False


def parse_csr_pem(text: str, *, field: str = "csr") -> bytes:
    """Return the DER of the one PEM block that `text` is. Raises CsrMalformedError."""
    if len(text) > DER_LIMIT * 2:
        raise CsrMalformedError("The CSR is too large.", field=field, rule="csr-size")
    block = _PEM.fullmatch(text)
    if block is None:
        detail = (
            "The CSR is not one PEM block that begins with -----BEGIN CERTIFICATE REQUEST----- "
            "(make one with: openssl req -new -key KEY)."
        )
        raise CsrMalformedError(detail, field=field, rule="csr-pem")
    try:
        return base64.b64decode("".join(block["body"].split()), validate=True)
    except binascii.Error as error:
        raise CsrMalformedError("The CSR's base64 is damaged.", field=field, rule="csr-pem") from error


def parse_csr(der: bytes, *, field: str = "csr") -> ParsedRequest:
    """Return key and names of a PKCS#10 request after verifying its signature.

    Raises CsrMalformedError if it cannot be read; CsrRefusedError or NameRefusedError if it is refused.
    """
    request, key, algorithm = parse_proven_key(der, field=field)
    common_name = _common_name(request, field)
    names, asks_to_staple = _names(request, field)
    return ParsedRequest(key, algorithm, common_name, names, asks_to_staple)


def parse_proven_key(
    der: bytes, *, field: str
) -> tuple[x509.CertificateSigningRequest, PublicKey, KeyAlgorithm]:
    """Return a PKCS#10 request with its key, whose possession its signature proves.

    Raises CsrMalformedError, CsrRefusedError.
    """
    if len(der) > DER_LIMIT:
        raise CsrMalformedError("The CSR is too large.", field=field, rule="csr-size")
    try:
        request = x509.load_der_x509_csr(der)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        detail = "The CSR is not a PKCS#10 request of version 1 (the number 0) in DER."
        raise CsrMalformedError(detail, field=field, rule="csr-encoding") from error
    key, algorithm = _public_key(request, field)
    _verify_signature(request, field)
    return request, key, algorithm


def _public_key(request: x509.CertificateSigningRequest, field: str) -> tuple[PublicKey, KeyAlgorithm]:
    try:
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        detail = f"The CSR's key cannot be read; use {CERTIFIED}."
        raise CsrRefusedError(detail, field=field, rule="key-type") from error
    algorithm = parse_key_algorithm(key, field=field)
    assert isinstance(key, PublicKey)
    return key, algorithm


def _verify_signature(request: x509.CertificateSigningRequest, field: str) -> None:
    if request.signature_algorithm_oid not in _SIGNATURES:
        detail = "The CSR is signed with a weak or unknown algorithm; sign it with SHA-256 or stronger."
        raise CsrRefusedError(detail, field=field, rule="csr-signature-algorithm")
    try:
        digest = request.signature_hash_algorithm
        valid = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        digest, valid = None, False
    if digest is not None and digest.name not in {"sha256", "sha384", "sha512"}:
        # RSASSA-PSS names its hash in the parameters.
        detail = f"The CSR is signed with {digest.name}; sign it with SHA-256 or stronger."
        raise CsrRefusedError(detail, field=field, rule="csr-signature-algorithm")
    if not valid:
        detail = "The CSR's signature does not verify with its own key; make it anew."
        raise CsrRefusedError(detail, field=field, rule="csr-signature")


def _common_name(request: x509.CertificateSigningRequest, field: str) -> CommonName | None:
    try:
        attributes = request_subject(request.tbs_certrequest_bytes)
    except DerError as error:
        raise CsrMalformedError(f"The CSR's subject: {error}.", field=field, rule="csr-encoding") from error
    found = [(tag, raw) for kind, tag, raw in attributes if kind == COMMON_NAME]
    if not found:
        return None
    if len(found) > 1:
        detail = (
            "The CSR has more than one common name; keep one and put the others into its alternative names."
        )
        raise CsrRefusedError(detail, field=field, rule="common-name-several")
    tag, raw = found[0]
    if tag not in {UTF8_STRING, PRINTABLE_STRING}:
        detail = "The CSR's common name is not a UTF8String or PrintableString."
        raise CsrRefusedError(detail, field=field, rule="common-name-string-type")
    try:
        text = raw.decode("utf-8" if tag == UTF8_STRING else "ascii")
    except UnicodeDecodeError as error:
        detail = "The CSR's common name has bytes that its string type does not allow."
        raise CsrRefusedError(detail, field=field, rule="common-name-string-type") from error
    return parse_common_name(text, field=field)


def _names(request: x509.CertificateSigningRequest, field: str) -> tuple[tuple[Name, ...], bool]:
    """Return the names of a request, and whether it asks for must-staple."""
    try:
        extensions = request.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        detail = "The CSR's extensions cannot be read, or one of them stands there twice."
        raise CsrRefusedError(detail, field=field, rule="csr-extensions") from error
    names: tuple[Name, ...] = ()
    asks_to_staple = False
    for extension in extensions:
        rule = _REFUSED_EXTENSIONS.get(extension.oid)
        if rule is not None:
            detail = "The CSR asks for an extension that is not issued here; make it without."
            raise CsrRefusedError(detail, field=field, rule=rule)
        value: Any = extension.value
        if extension.oid == ExtensionOID.BASIC_CONSTRAINTS and value.ca:
            detail = "The CSR asks for a certificate authority (CA:TRUE); profiles issue end entities only."
            raise CsrRefusedError(detail, field=field, rule="csr-authority")
        if extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
            names = _alternative_names(value, field)
        elif extension.oid == ExtensionOID.TLS_FEATURE:
            if list(value) != [x509.TLSFeatureType.status_request]:
                detail = (
                    "The CSR demands a TLS feature that is not status_request (must-staple); leave it out."
                )
                raise CsrRefusedError(detail, field=field, rule="csr-must-staple")
            asks_to_staple = True
    return names, asks_to_staple


def _alternative_names(alternatives: x509.SubjectAlternativeName, field: str) -> tuple[Name, ...]:
    general_names = list(alternatives)
    if len(general_names) > MAX_NAMES:
        raise too_many_names(len(general_names), field)
    return tuple(dict.fromkeys(_name(general_name, field) for general_name in general_names))


def _name(general_name: x509.GeneralName, field: str) -> Name:
    value: Any = general_name.value
    if isinstance(value, str):
        if not value.isascii():
            # An IA5String has no other characters; a parser that takes them would read them as an IDN.
            detail = "The CSR has a name that is not ASCII; write host names in A-labels (xn--…)."
            raise NameRefusedError(detail, field=field, rule="name-not-ascii")
        parse = _PARSERS.get(type(general_name))
        if parse is not None:
            return parse(value, field=field)
    if type(general_name) is x509.IPAddress:
        if type(value) not in {IPv4Address, IPv6Address}:
            raise NameRefusedError(
                "An address in a certificate has no mask; leave it out.", field=field, rule="ip-length"
            )
        return name_of_address(value)
    detail = "The CSR asks for a name that is not a DNS name, address, e-mail address or URI."
    raise CsrRefusedError(detail, field=field, rule="name-type")


def too_many_names(count: int, field: str) -> CsrRefusedError:
    """Return the error for a request with more names than a certificate may carry."""
    detail = f"The request has {count} names; a certificate carries at most {MAX_NAMES}."
    return CsrRefusedError(detail, field=field, rule="too-many-names")
