"""Requests that are no OCSP requests, by what is wrong with them; each is malformed and nothing worse."""

from ca_service.x509.der import (
    BOOLEAN,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    encoded,
)
from tests.support.ocsp import SHA1_OID, extensions_field, hand_request, nonce_extension

ALGORITHM = encoded(SEQUENCE, encoded(OBJECT_IDENTIFIER, SHA1_OID), encoded(NULL))
HASH = encoded(OCTET_STRING, bytes(20))
CRITICAL = encoded(BOOLEAN, b"\xff")


def one(*fields: bytes) -> bytes:
    """Return a CertID of these fields."""
    return encoded(SEQUENCE, *fields)


def numbered(content: bytes) -> bytes:
    """Return a CertID whose serial number has this content."""
    return one(ALGORITHM, HASH, HASH, encoded(INTEGER, content))


def hashed_by(*fields: bytes) -> bytes:
    """Return a CertID whose algorithm has these fields."""
    return one(encoded(SEQUENCE, *fields), HASH, HASH, encoded(INTEGER, b"\x05"))


def extension(*fields: bytes) -> bytes:
    """Return an extension of these fields."""
    return extensions_field(encoded(SEQUENCE, *fields))


ID = numbered(b"\x05")
GOOD = hand_request(ID)
_NONCE_OID = encoded(OBJECT_IDENTIFIER, bytes.fromhex("2b0601050507300102"))
_OTHER_OID = encoded(OBJECT_IDENTIFIER, b"\x2a\x03")
_VALUE = encoded(OCTET_STRING, b"\x05\x00")
_ASKED = encoded(SEQUENCE, encoded(SEQUENCE, encoded(SEQUENCE, ID)))

MALFORMED = {
    "nothing": b"",
    "one octet": b"\x30",
    "rubbish": b"\xff" * 64,
    "text": b"GET / HTTP/1.1",
    "cut short": GOOD[:-1],
    "something behind it": GOOD + b"\x00",
    "twice": GOOD * 2,
    "an indefinite length": b"\x30\x80" + GOOD[2:] + b"\x00\x00",
    "a length in a longer form": b"\x30\x81" + GOOD[1:],
    "a length beyond the end": b"\x30\x84\xff\xff\xff\xff",
    "a tag of two octets": b"\x3f\x81\x01\x00",
    "a set": b"\x31" + GOOD[1:],
    "an empty sequence": encoded(SEQUENCE),
    "nothing asked": encoded(SEQUENCE, encoded(SEQUENCE)),
    "an empty list": hand_request(),
    "a list of something else": encoded(SEQUENCE, encoded(SEQUENCE, encoded(SEQUENCE, encoded(NULL)))),
    "a request without a certificate": encoded(
        SEQUENCE, encoded(SEQUENCE, encoded(SEQUENCE, encoded(SEQUENCE)))
    ),
    "a request with two": encoded(SEQUENCE, encoded(SEQUENCE, encoded(SEQUENCE, encoded(SEQUENCE, ID, ID)))),
    "version 2": hand_request(ID, before=encoded(0xA0, encoded(INTEGER, b"\x01"))),
    "a version that is no number": hand_request(ID, before=encoded(0xA0, encoded(NULL))),
    "a requestor without a name": hand_request(ID, before=encoded(0xA1)),
    "a requestor with two": hand_request(ID, before=encoded(0xA1, encoded(0x82, b"a"), encoded(0x82, b"b"))),
    "a field that nobody knows": hand_request(ID, after=encoded(0xA3, encoded(NULL))),
    "fields in another order": encoded(
        SEQUENCE,
        encoded(
            SEQUENCE,
            extensions_field(nonce_extension(b"x")),
            encoded(SEQUENCE, encoded(SEQUENCE, ID)),
        ),
    ),
    "a signature that is none": encoded(SEQUENCE, _ASKED, encoded(0xA0, encoded(NULL))),
    "a signature twice": encoded(SEQUENCE, _ASKED, *(encoded(0xA0, encoded(SEQUENCE)),) * 2),
    "something else behind what is asked": encoded(SEQUENCE, _ASKED, encoded(NULL)),
    "an id without a number": hand_request(one(ALGORITHM, HASH, HASH)),
    "an id with two numbers": hand_request(one(ALGORITHM, HASH, HASH, *(encoded(INTEGER, b"\x05"),) * 2)),
    "an id in another order": hand_request(one(HASH, ALGORITHM, HASH, encoded(INTEGER, b"\x05"))),
    "a number without content": hand_request(numbered(b"")),
    "a number with a zero in front": hand_request(numbered(b"\x00\x05")),
    "a number with ones in front": hand_request(numbered(b"\xff\x85")),
    "an algorithm without a name": hand_request(hashed_by()),
    "an algorithm with an empty name": hand_request(hashed_by(encoded(OBJECT_IDENTIFIER))),
    "an algorithm with three parts": hand_request(
        hashed_by(encoded(OBJECT_IDENTIFIER, SHA1_OID), encoded(NULL), encoded(NULL))
    ),
    "SHA-1 with parameters": hand_request(
        hashed_by(encoded(OBJECT_IDENTIFIER, SHA1_OID), encoded(OCTET_STRING, b"more"))
    ),
    "no extensions among the extensions": hand_request(ID, after=extensions_field()),
    "an extension without a value": hand_request(ID, after=extension(_NONCE_OID)),
    "an extension without a name": hand_request(ID, after=extension(_VALUE)),
    "an extension with an odd mark": hand_request(
        ID, after=extension(_OTHER_OID, encoded(BOOLEAN, b"\x01"), _VALUE)
    ),
    "an extension with more": hand_request(ID, after=extension(_OTHER_OID, _VALUE, _VALUE)),
    "the same extension twice": hand_request(
        ID, after=extensions_field(*(encoded(SEQUENCE, _OTHER_OID, _VALUE),) * 2)
    ),
    "a critical extension that nobody knows": hand_request(ID, after=extension(_OTHER_OID, CRITICAL, _VALUE)),
    "a critical extension of one certificate": encoded(
        SEQUENCE,
        encoded(
            SEQUENCE,
            encoded(
                SEQUENCE,
                encoded(
                    SEQUENCE,
                    ID,
                    encoded(0xA0, encoded(SEQUENCE, encoded(SEQUENCE, _OTHER_OID, CRITICAL, _VALUE))),
                ),
            ),
        ),
    ),
    "a nonce that is no octet string": hand_request(ID, after=extension(_NONCE_OID, _VALUE)),
    "an empty nonce": hand_request(ID, after=extensions_field(nonce_extension(b""))),
    "a nonce of 129 octets": hand_request(ID, after=extensions_field(nonce_extension(bytes(129)))),
    "more than is read": hand_request(*(ID,) * 200),
}
