"""OCSP requests and what their answers say, by the library's own reader."""

import datetime as dt
from base64 import b64encode
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from ca_service.x509.der import (
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    elements,
    encoded,
    only_element,
)

SHA1_OID = bytes.fromhex("2b0e03021a")
SHA256_OID = bytes.fromhex("608648016503040201")
NONCE_OID = bytes.fromhex("2b0601050507300102")

GOOD = ocsp.OCSPCertStatus.GOOD
REVOKED = ocsp.OCSPCertStatus.REVOKED
UNKNOWN = ocsp.OCSPCertStatus.UNKNOWN


def request_for(
    issuer: x509.Certificate,
    serial_number: int,
    *,
    hash_algorithm: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    """Return a request for one certificate, by SHA-1 unless told otherwise."""
    algorithm = hash_algorithm or hashes.SHA1()
    name_hash, key_hash = issuer_hashes(issuer, algorithm)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name_hash, key_hash, serial_number, algorithm)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(serialization.Encoding.DER)


def issuer_hashes(issuer: x509.Certificate, algorithm: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    """Return what a request says of the issuer: the hashes of its name and of its key's bits."""
    info = issuer.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _, (_, bits) = elements(only_element(info, SEQUENCE))
    return _hash(issuer.subject.public_bytes(), algorithm), _hash(bits[1:], algorithm)


def _hash(data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def certificate_id(
    issuer: x509.Certificate, serial_number: int, *, algorithm: bytes = SHA1_OID, number: bytes | None = None
) -> bytes:
    """Return one CertID in DER; `number` replaces the content of its INTEGER."""
    hashed_by = hashes.SHA256() if algorithm == SHA256_OID else hashes.SHA1()
    name_hash, key_hash = issuer_hashes(issuer, hashed_by)
    content = number
    if content is None:
        content = serial_number.to_bytes(serial_number.bit_length() // 8 + 1, "big", signed=True)
    return encoded(
        SEQUENCE,
        encoded(SEQUENCE, encoded(OBJECT_IDENTIFIER, algorithm), encoded(NULL)),
        encoded(OCTET_STRING, name_hash),
        encoded(OCTET_STRING, key_hash),
        encoded(INTEGER, content),
    )


def hand_request(
    *certificate_ids: bytes, before: bytes = b"", after: bytes = b"", behind: bytes = b""
) -> bytes:
    """Return a request in DER, with fields of our own before and after the list, and behind what is asked."""
    listed = encoded(SEQUENCE, *(encoded(SEQUENCE, one) for one in certificate_ids))
    return encoded(SEQUENCE, encoded(SEQUENCE, before, listed, after), behind)


def extensions_field(*extensions: bytes) -> bytes:
    """Return requestExtensions."""
    return encoded(0xA2, encoded(SEQUENCE, *extensions))


def nonce_extension(nonce: bytes, *, critical: bytes = b"") -> bytes:
    """Return a nonce extension; `critical` is the encoded mark."""
    value = encoded(OCTET_STRING, encoded(OCTET_STRING, nonce))
    return encoded(SEQUENCE, encoded(OBJECT_IDENTIFIER, NONCE_OID), critical, value)


def in_path(request: bytes) -> str:
    """Return a request as a GET carries it: Base64, then percent-encoded (RFC 6960 appendix A.1)."""
    return quote(b64encode(request).decode(), safe="")


def read_answer(body: bytes) -> ocsp.OCSPResponse:
    """Return an answer."""
    return ocsp.load_der_ocsp_response(body)


def told(body: bytes) -> list[tuple[int, ocsp.OCSPCertStatus]]:
    """Return (serial, status) of each certificate in a signed answer."""
    return [(single.serial_number, single.certificate_status) for single in read_answer(body).responses]


def revocation_told(body: bytes) -> tuple[dt.datetime | None, x509.ReasonFlags | None]:
    """Return when and why the only certificate of an answer was revoked."""
    answer = read_answer(body)
    return answer.revocation_time_utc, answer.revocation_reason
