"""OCSP requests from strangers: read as the library reads them, or refused; nothing else comes out."""

import pytest
from cryptography.x509 import ocsp
from hypothesis import example, given
from hypothesis import strategies as st

from ca_service.x509.der import DerError, encoded
from ca_service.x509.ocsp_requests import StatusRequest, parse_request_in_path, parse_status_request
from tests.support.bad_ocsp_requests import ID, MALFORMED, numbered
from tests.support.ocsp import extensions_field, hand_request, nonce_extension

GOOD = (
    hand_request(ID),
    hand_request(numbered(b"\x00\xff\x01"), after=extensions_field(nonce_extension(bytes(16)))),
    hand_request(ID, before=encoded(0xA1, encoded(0x82, b"client.example"))),
    hand_request(ID, numbered(b"\x06"), behind=encoded(0xA0, encoded(0x30, b"\x05\x00"))),
)
#: Tags that requests have, and others.
tags = st.sampled_from([0x01, 0x02, 0x04, 0x05, 0x06, 0x0A, 0x18, 0x30, 0x31, 0x82, *range(0xA0, 0xA4)])
trees = st.recursive(
    st.builds(encoded, tags, st.binary(max_size=20)),
    lambda inner: st.builds(
        lambda tag, parts: encoded(tag, *parts), tags, st.lists(inner | st.just(ID), max_size=4)
    ),
    max_leaves=20,
)


def parse(der: bytes) -> StatusRequest | None:
    """Return what the parser makes of it, and None where it refuses; every other error is a failure."""
    try:
        return parse_status_request(der)
    except DerError:
        return None


def agrees(der: bytes, request: StatusRequest) -> bool:
    """Tell whether the library reads the same out of a request for one certificate."""
    if len(request.certificate_ids) > 1:
        return True
    (one,) = request.certificate_ids
    try:
        read = ocsp.load_der_ocsp_request(der)
        hashes = (read.issuer_name_hash, read.issuer_key_hash)
    except ValueError:
        # It is stricter with names and signatures, which are not looked at here.
        return True
    return (*hashes, read.serial_number) == (one.issuer_name_hash, one.issuer_key_hash, one.serial_number)


@given(st.binary(max_size=400))
def test_no_random_bytes_are_a_request(der: bytes) -> None:
    assert parse(der) is None


@given(trees)
@example(MALFORMED["a list of something else"])
def test_any_tree_of_elements_is_read_or_refused(der: bytes) -> None:
    request = parse(der)
    assert request is None or agrees(der, request)


@pytest.mark.parametrize("good", GOOD, ids=["plain", "nonce", "requestor", "signed"])
def test_a_request_with_any_one_octet_changed_is_read_as_it_says_or_refused(good: bytes) -> None:
    for position in range(len(good)):
        for bit in range(8):
            changed = bytearray(good)
            changed[position] ^= 1 << bit
            request = parse(bytes(changed))
            assert request is None or agrees(bytes(changed), request), f"octet {position}, bit {bit}"


@given(st.sampled_from(GOOD), st.integers(0, 300), st.binary(max_size=6), st.integers(0, 6))
def test_a_request_with_octets_put_in_or_taken_out_is_read_as_it_says_or_refused(
    good: bytes, position: int, put_in: bytes, taken_out: int
) -> None:
    position %= len(good)
    changed = good[:position] + put_in + good[position + taken_out :]
    request = parse(changed)
    assert request is None or agrees(changed, request)


@given(st.text(max_size=300))
@example("//")
@example("MA==MA==")
def test_any_address_holds_a_request_or_none(text: str) -> None:
    der = parse_request_in_path(text)
    assert der is None or isinstance(der, bytes)
