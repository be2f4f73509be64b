"""Reading OCSP requests, which come from strangers (RFC 6960 section 4.1, RFC 9654)."""

from base64 import b64decode
from collections.abc import Iterator

from msgspec import Struct

from ca_service.x509.der import (
    BOOLEAN,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    DerError,
    elements,
    encoded,
    only_element,
)

#: What a request has at most, in bytes; some hundred certificates fit.
REQUEST_LIMIT = 10 * 1024
#: id-pkix-ocsp-nonce, 1.3.6.1.5.5.7.48.1.2
NONCE = bytes.fromhex("2b0601050507300102")
_LONGEST_NONCE = 128
#: What may be critical without changing our answer: the nonce, which responses are understood, which
#: responder is meant, which signatures are preferred (RFC 6960 section 4.4).
_UNDERSTOOD = frozenset({NONCE, *(bytes.fromhex(f"2b06010505073001{last}") for last in ("04", "07", "08"))})
_HASHES = {bytes.fromhex("2b0e03021a"): "sha1", bytes.fromhex("608648016503040201"): "sha256"}
_EXPLICIT = (0xA0, 0xA1, 0xA2)
_TRUTHS = (b"\x00", b"\xff")


class CertificateId(Struct, frozen=True):
    """One certificate by its issuer's hashes and its number; `der` is how it was written, for the answer.

    `hash_name` is None for a hash that this responder does not know.
    """

    der: bytes
    hash_name: str | None
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int


class StatusRequest(Struct, frozen=True):
    """What somebody wants to know; at least one certificate. The nonce has 1 to 128 octets."""

    certificate_ids: tuple[CertificateId, ...]
    nonce: bytes | None


def parse_status_request(der: bytes) -> StatusRequest:
    """Return what a request asks. Its signature, if any, changes nothing and is not judged. Raises DerError.

    A nonce without octets or of more than 128 is refused (RFC 9654 section 2.1), and so is a critical
    extension that is not known.
    """
    if len(der) > REQUEST_LIMIT:
        raise DerError("a request longer than any that is read")
    outer = list(elements(only_element(der, SEQUENCE)))
    if [tag for tag, _ in outer] not in ([SEQUENCE], [SEQUENCE, _EXPLICIT[0]]):
        raise DerError("a request is what is asked, and perhaps a signature")
    for _, signature in outer[1:]:
        only_element(signature, SEQUENCE)
    return _asked(list(elements(outer[0][1])))


def parse_request_in_path(text: str) -> bytes | None:
    """Return the request that the end of an address holds in Base64, or None; percent signs are decoded.

    A plus sign that somebody decoded as a space is read as what it was.
    """
    try:
        return b64decode(text.lstrip("/").replace(" ", "+"), validate=True)
    except ValueError:
        return None


def _asked(fields: list[tuple[int, bytes]]) -> StatusRequest:
    version = _taken(fields, _EXPLICIT[0])
    if version is not None and only_element(version, INTEGER) != b"\x00":
        raise DerError("only version 1 is spoken")
    requestor = _taken(fields, _EXPLICIT[1])
    if requestor is not None and len(list(elements(requestor))) != 1:
        raise DerError("a requestor has one name")
    listed = _taken(fields, SEQUENCE)
    extensions = _taken(fields, _EXPLICIT[2])
    if not listed or fields:
        raise DerError("a list of requests was expected")
    nonce = None if extensions is None else _nonce(_extensions(extensions))
    return StatusRequest(tuple(_single(single) for single in _sequences(listed)), nonce)


def _taken(fields: list[tuple[int, bytes]], tag: int) -> bytes | None:
    """Return the content of the next field if it has this tag, and take it away."""
    return fields.pop(0)[1] if fields and fields[0][0] == tag else None


def _sequences(data: bytes) -> Iterator[bytes]:
    for tag, content in elements(data):
        if tag != SEQUENCE:
            raise DerError("a sequence was expected")
        yield content


def _single(data: bytes) -> CertificateId:
    fields = list(elements(data))
    certificate_id = _taken(fields, SEQUENCE)
    extensions = _taken(fields, _EXPLICIT[0])
    if certificate_id is None or fields:
        raise DerError("a request names one certificate")
    if extensions is not None:
        _extensions(extensions)
    return _certificate_id(certificate_id)


def _certificate_id(content: bytes) -> CertificateId:
    fields = list(elements(content))
    if [tag for tag, _ in fields] != [SEQUENCE, OCTET_STRING, OCTET_STRING, INTEGER]:
        raise DerError("a certificate is named by hash, issuer's name, issuer's key and number")
    (_, algorithm), (_, name_hash), (_, key_hash), (_, number) = fields
    return CertificateId(
        encoded(SEQUENCE, content), _hash_name(algorithm), name_hash, key_hash, _whole_number(number)
    )


def _hash_name(algorithm: bytes) -> str | None:
    fields = list(elements(algorithm))
    if not 1 <= len(fields) <= 2 or fields[0][0] != OBJECT_IDENTIFIER or not fields[0][1]:
        raise DerError("a hash is named by an object identifier")
    name = _HASHES.get(fields[0][1])
    if name is not None and fields[1:] not in ([], [(NULL, b"")]):
        raise DerError("this hash has no parameters")
    return name


def _whole_number(content: bytes) -> int:
    # X.690 section 8.3.2: the first nine bits are not all alike.
    if not content or (
        len(content) > 1 and content[0] in (0x00, 0xFF) and content[0] >> 7 == content[1] >> 7
    ):
        raise DerError("a number that is not in its shortest form")
    return int.from_bytes(content, "big", signed=True)


def _extensions(data: bytes) -> dict[bytes, bytes]:
    """Return the values by object identifier. Raises DerError for none, doubles and unknown critical ones."""
    found: dict[bytes, bytes] = {}
    for extension in _sequences(only_element(data, SEQUENCE)):
        fields = list(elements(extension))
        name = _taken(fields, OBJECT_IDENTIFIER)
        critical = _taken(fields, BOOLEAN)
        value = _taken(fields, OCTET_STRING)
        if not name or value is None or fields or name in found or critical not in (None, *_TRUTHS):
            raise DerError("an extension has a name, perhaps a mark, and a value")
        if critical == b"\xff" and name not in _UNDERSTOOD:
            raise DerError("a critical extension that is not known")
        found[name] = value
    if not found:
        raise DerError("extensions without any")
    return found


def _nonce(extensions: dict[bytes, bytes]) -> bytes | None:
    value = extensions.get(NONCE)
    if value is None:
        return None
    nonce = only_element(value, OCTET_STRING)
    if not 1 <= len(nonce) <= _LONGEST_NONCE:
        raise DerError("a nonce has 1 to 128 octets")
    return nonce
