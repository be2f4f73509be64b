"""Reading OCSP requests: what is understood, what is malformed (RFC 6960 section 4.1, RFC 9654)."""

import pytest

from ca_service.x509.der import BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, DerError, encoded
from ca_service.x509.ocsp_requests import (
    REQUEST_LIMIT,
    StatusRequest,
    parse_request_in_path,
    parse_status_request,
)
from tests.support.bad_ocsp_requests import CRITICAL, HASH, ID, MALFORMED, hashed_by, numbered
from tests.support.ocsp import (
    SHA1_OID,
    SHA256_OID,
    extensions_field,
    hand_request,
    in_path,
    nonce_extension,
)

_OTHER = encoded(SEQUENCE, encoded(OBJECT_IDENTIFIER, b"\x2a\x03"), encoded(OCTET_STRING, b"\x05\x00"))
_SHA1 = encoded(OBJECT_IDENTIFIER, SHA1_OID)


def only(request: StatusRequest) -> tuple[str | None, int]:
    (one,) = request.certificate_ids
    return one.hash_name, one.serial_number


@pytest.mark.parametrize("der", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_request_is_malformed(der: bytes) -> None:
    with pytest.raises(DerError):
        parse_status_request(der)


def test_a_request_says_whose_certificate_is_meant() -> None:
    (one,) = parse_status_request(hand_request(ID)).certificate_ids
    assert (one.issuer_name_hash, one.issuer_key_hash, one.serial_number) == (bytes(20), bytes(20), 5)


def test_an_id_is_kept_as_it_was_written() -> None:
    (one,) = parse_status_request(hand_request(ID)).certificate_ids
    assert one.der == ID


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ((_SHA1,), "sha1"),
        ((encoded(OBJECT_IDENTIFIER, SHA256_OID),), "sha256"),
        ((encoded(OBJECT_IDENTIFIER, b"\x2a\x03"), HASH), None),
    ],
    ids=["without parameters", "sha256", "a hash that nobody knows"],
)
def test_a_hash_is_known_by_its_identifier(fields: tuple[bytes, ...], name: str | None) -> None:
    assert only(parse_status_request(hand_request(hashed_by(*fields)))) == (name, 5)


@pytest.mark.parametrize(
    ("content", "number"),
    [(b"\x00", 0), (b"\x7f", 127), (b"\x00\x80", 128), (b"\x80", -128), (b"\x7f" * 40, int("7f" * 40, 16))],
)
def test_a_number_may_be_any(content: bytes, number: int) -> None:
    assert only(parse_status_request(hand_request(numbered(content)))) == ("sha1", number)


@pytest.mark.parametrize(
    "request_der",
    [
        hand_request(ID, before=encoded(0xA0, encoded(INTEGER, b"\x00"))),
        hand_request(ID, before=encoded(0xA1, encoded(0x82, b"client.example"))),
        hand_request(ID, after=extensions_field(_OTHER)),
        hand_request(ID, behind=encoded(0xA0, encoded(SEQUENCE, b"\x05\x00"))),
    ],
    ids=["version 1 said aloud", "a requestor", "an extension that nobody knows", "a signature"],
)
def test_what_changes_nothing_is_passed_over(request_der: bytes) -> None:
    assert only(parse_status_request(request_der)) == ("sha1", 5)


@pytest.mark.parametrize("length", [1, 16, 32, 128])
@pytest.mark.parametrize("mark", [b"", CRITICAL, encoded(BOOLEAN, b"\x00")], ids=["", "critical", "not"])
def test_a_nonce_has_1_to_128_octets(length: int, mark: bytes) -> None:
    nonce = bytes(range(length))
    der = hand_request(ID, after=extensions_field(nonce_extension(nonce, critical=mark)))
    assert parse_status_request(der).nonce == nonce


def test_several_are_asked_for_in_order() -> None:
    request = parse_status_request(hand_request(*(numbered(bytes((number,))) for number in range(1, 100))))
    assert [one.serial_number for one in request.certificate_ids] == list(range(1, 100))


def test_a_request_of_the_longest_length_is_read() -> None:
    filling = REQUEST_LIMIT - len(hand_request(ID, before=encoded(0xA1, encoded(0x82, bytes(9000))))) + 9000
    der = hand_request(ID, before=encoded(0xA1, encoded(0x82, bytes(filling))))
    assert len(der) == REQUEST_LIMIT
    assert only(parse_status_request(der)) == ("sha1", 5)


@pytest.mark.parametrize("beginning", ["", "/", "//"])
def test_an_address_holds_a_request_in_base64(beginning: str) -> None:
    from urllib.parse import unquote

    der = hand_request(numbered(b"\x7f\xff\xff\xff\xfb\xef\xbe\xff"))
    assert parse_request_in_path(beginning + unquote(in_path(der))) == der


def test_two_slashes_in_a_row_are_two_digits() -> None:
    assert parse_request_in_path("MA//") == b"0\x0f\xff"


def test_a_space_was_a_plus_sign() -> None:
    assert parse_request_in_path("MA  ") == parse_request_in_path("MA++")


@pytest.mark.parametrize("text", ["%", "MEIw!", "M", "MEIwQDA-", "ß", "MEIw=A"])
def test_what_is_no_base64_is_no_request(text: str) -> None:
    assert parse_request_in_path(text) is None
