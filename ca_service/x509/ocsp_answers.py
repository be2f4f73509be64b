"""OCSP answers in DER: the errors, and what the authority or its responder signs (RFC 6960 section 4.2)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.x509.der import (
    BIT_STRING,
    ENUMERATED,
    GENERALIZED_TIME,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    encoded,
)
from ca_service.x509.ocsp_requests import NONCE
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.signature_algorithms import signature_identifier

#: How long an answer is good; it is signed anew at half of it, so that what is handed out stays good a while.
ANSWER_LIFETIME = timedelta(hours=12)
#: A number that nobody issued may be issued in the next moment.
UNKNOWN_LIFETIME = timedelta(minutes=5)

#: id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1
_BASIC = encoded(OBJECT_IDENTIFIER, bytes.fromhex("2b0601050507300101"))
_NONCE = encoded(OBJECT_IDENTIFIER, NONCE)
_SUCCESSFUL = encoded(ENUMERATED, b"\x00")
_GOOD = encoded(0x80)
_UNKNOWN = encoded(0x82)


class ErrorStatus(IntEnum):
    """Why there is no answer, as OCSPResponseStatus says it; not signed (RFC 6960 section 2.3)."""

    MALFORMED_REQUEST = 1
    TRY_LATER = 3
    UNAUTHORIZED = 6


class RecordedStatus(Struct, frozen=True):
    """What the inventory says of a certificate that was issued; `revoked_at` is None while it is good."""

    revoked_at: datetime | None = None
    reason: RevocationReason | None = None


def error_answer(status: ErrorStatus) -> bytes:
    """Return the answer that tells why there is none."""
    return encoded(SEQUENCE, encoded(ENUMERATED, bytes((status,))))


def single_answer(
    certificate_id: bytes, status: RecordedStatus | None, this_update: datetime, next_update: datetime
) -> bytes:
    """Return what is said of one certificate; None is one that this authority did not issue."""
    return encoded(
        SEQUENCE,
        certificate_id,
        _UNKNOWN if status is None else _status(status),
        _time(this_update),
        encoded(0xA0, _time(next_update)),
    )


def answers_to_sign(
    key_hash: bytes, produced_at: datetime, singles: Iterable[bytes], nonce: bytes | None
) -> bytes:
    """Return the ResponseData of a responder that is named by the SHA-1 of its key; the nonce comes back."""
    extensions = b""
    if nonce is not None:
        value = encoded(OCTET_STRING, encoded(OCTET_STRING, nonce))
        extension = encoded(SEQUENCE, _NONCE, value)
        extensions = encoded(0xA1, encoded(SEQUENCE, extension))
    return encoded(
        SEQUENCE,
        encoded(0xA2, encoded(OCTET_STRING, key_hash)),
        _time(produced_at),
        encoded(SEQUENCE, *singles),
        extensions,
    )


def signed_answer(
    signed_data: bytes, algorithm: KeyAlgorithm, signature: bytes, certificate: bytes | None = None
) -> bytes:
    """Return the whole answer, with the certificate of a delegated responder in DER.

    No certificate goes with an answer of the issuer: whoever asks knows it.
    """
    identifier = signature_identifier(algorithm)
    extra = b"" if certificate is None else encoded(0xA0, encoded(SEQUENCE, certificate))
    basic = encoded(SEQUENCE, signed_data, identifier, encoded(BIT_STRING, b"\x00", signature), extra)
    body = encoded(SEQUENCE, _BASIC, encoded(OCTET_STRING, basic))
    return encoded(SEQUENCE, _SUCCESSFUL, encoded(0xA0, body))


def _status(status: RecordedStatus) -> bytes:
    if status.revoked_at is None:
        return _GOOD
    reason = b""
    if status.reason not in (None, RevocationReason.UNSPECIFIED):
        # 0 says nothing, here as in a CRL (RFC 5280 section 5.3.1).
        reason = encoded(0xA0, encoded(ENUMERATED, bytes((status.reason.code,))))
    return encoded(0xA1, _time(status.revoked_at), reason)


@lru_cache(maxsize=64)
def _time(moment: datetime) -> bytes:
    return encoded(GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%SZ}".encode("ascii"))
