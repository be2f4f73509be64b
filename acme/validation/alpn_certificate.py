"""What a certificate for tls-alpn-01 must be, rule by rule (RFC 8737 section 3, RFC 8738 section 6)."""

import hashlib
import hmac
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from acme.identifiers import IP, Identifier
from ca_service.egress.shown import escape

#: id-pe-acmeIdentifier, and the one of drafts before it was assigned.
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
OBSOLETE_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.30.1")
#: An OCTET STRING of the 32 octets that SHA-256 has.
_OCTETS = b"\x04\x20"


class CertificateRefusedError(Exception):
    """The certificate is not the challenge's; the text completes `a certificate that …`."""


def verify_certificate(der: bytes, identifier: Identifier, key_authorization: str) -> None:
    """Return if the certificate answers the challenge. Raises CertificateRefusedError."""
    if not der:
        raise CertificateRefusedError("was empty: there was none")
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except x509.DuplicateExtension as error:
        raise CertificateRefusedError(f"has the extension {error.oid.dotted_string} twice") from error
    except (ValueError, TypeError, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise CertificateRefusedError("cannot be read") from error
    _verify_self_signed(certificate)
    _verify_name(extensions, identifier)
    _verify_digest(extensions, hashlib.sha256(key_authorization.encode("ascii")).digest())


def _verify_self_signed(certificate: x509.Certificate) -> None:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise CertificateRefusedError("is not self-signed") from error


def _verify_name(extensions: x509.Extensions, identifier: Identifier) -> None:
    try:
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound as error:
        raise CertificateRefusedError("has no subjectAltName") from error
    if len(names) != 1:
        raise CertificateRefusedError(f"has {len(names)} entries in its subjectAltName instead of one")
    if identifier.type == IP:
        is_same = isinstance(names[0], x509.IPAddress) and names[0].value == ip_address(identifier.value)
    else:
        is_same = isinstance(names[0], x509.DNSName) and names[0].value.lower() == identifier.value
    if not is_same:
        shown = escape(str(getattr(names[0], "value", "another kind of name")).encode("utf-8", "replace"))
        kind = "address" if identifier.type == IP else "name"
        raise CertificateRefusedError(f'is for "{shown}" and not for the {kind} {identifier.value}')


def _verify_digest(extensions: x509.Extensions, digest: bytes) -> None:
    by_oid = {extension.oid: extension for extension in extensions}
    if OBSOLETE_IDENTIFIER in by_oid:
        raise CertificateRefusedError(
            f"has the acmeIdentifier extension of an old draft ({OBSOLETE_IDENTIFIER.dotted_string}); update "
            "the client"
        )
    extension = by_oid.get(ACME_IDENTIFIER)
    if extension is None:
        raise CertificateRefusedError("has no acmeIdentifier extension")
    if not extension.critical:
        raise CertificateRefusedError("has an acmeIdentifier extension that is not critical")
    assert isinstance(extension.value, x509.UnrecognizedExtension), "nobody else knows this extension"
    value = extension.value.value
    if len(value) != len(_OCTETS) + len(digest) or not value.startswith(_OCTETS):
        raise CertificateRefusedError("has an acmeIdentifier extension that is no OCTET STRING of 32 bytes")
    if not hmac.compare_digest(value[len(_OCTETS) :], digest):
        raise CertificateRefusedError("is for another key authorization: another account, token or challenge")
