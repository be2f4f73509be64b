"""CSRs from strangers: a key and names in the form that is signed come out, or a refusal of ours."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ca_service.kernel.errors import KeywrightError
from ca_service.x509.requests import ParsedRequest, parse_csr
from tests.support import hand_csr as hand
from tests.support.acme_client import make_csr
from tests.support.hand_csr import hand_csr

EC = ec.generate_private_key(ec.SECP256R1())
GOOD = (
    make_csr("a.example", "*.b.example", key=EC, common_name="a.example"),
    make_csr("a.example", key=rsa.generate_private_key(65537, 2048)),
    make_csr("a.example", key=ed25519.Ed25519PrivateKey.generate()),
)
_KINDS = (
    hand.SUBJECT_ALTERNATIVE_NAME,
    hand.BASIC_CONSTRAINTS,
    hand.EXTENDED_KEY_USAGE,
    hand.KEY_USAGE,
    hand.NAME_CONSTRAINTS,
    hand.TLS_FEATURE,
    hand.POISON,
    hand.SCT_LIST,
    "2b06010401",
)
#: Tags of GeneralName, of strings, of structures, and others.
tags = st.sampled_from(
    [*range(0x80, 0x89), *range(0xA0, 0xA9), 0x0C, 0x13, 0x1E, 0x14, 0x16, 0x04, 0x30, 0x05]
)
contents = st.binary(max_size=40) | st.text("*.a-Aß\x00 ", max_size=20).map(lambda text: text.encode())
elements = st.builds(hand.der, tags, contents)
extensions = st.one_of(
    st.lists(elements, max_size=5).map(lambda names: hand.alternative_names(*names)),
    st.builds(hand.extension, st.sampled_from(_KINDS), st.one_of(elements, contents)),
)
subjects = st.builds(
    hand.attribute, tags, contents, st.sampled_from([hand.COMMON_NAME, "55040a", "2a864886f70d010901"])
)


def parse(der: bytes) -> ParsedRequest | None:
    """Return what the parser makes of it, and None where it refuses; every other error is a failure."""
    try:
        return parse_csr(der)
    except KeywrightError:
        return None


@given(st.binary(max_size=400))
def test_no_random_bytes_are_a_csr(der: bytes) -> None:
    assert parse(der) is None


@pytest.mark.parametrize("good", GOOD, ids=["ec", "rsa", "ed25519"])
def test_a_csr_with_any_one_signed_byte_changed_is_refused(good: bytes) -> None:
    signed = x509.load_der_x509_csr(good).tbs_certrequest_bytes
    begin = good.index(signed)
    assert parse(good) is not None
    for position in range(len(good)):
        changed = bytearray(good)
        changed[position] ^= 1 << position % 8
        # What is not signed may be written in more than one way, and nothing is taken from it.
        is_signed = begin <= position < begin + len(signed)
        assert parse(bytes(changed)) is None or not is_signed, f"byte {position}"


@given(st.sampled_from(GOOD), st.integers(0, 3000), st.binary(max_size=6), st.integers(0, 6))
def test_a_csr_with_signed_bytes_put_in_or_taken_out_is_refused(
    good: bytes, position: int, put_in: bytes, taken_out: int
) -> None:
    position %= len(x509.load_der_x509_csr(good).tbs_certrequest_bytes)
    changed = good[:position] + put_in + good[position + taken_out :]
    assert changed == good or parse(changed) is None


@settings(deadline=None)
@given(st.lists(extensions, max_size=3), st.lists(subjects, max_size=3))
@example([hand.alternative_names(hand.der(0x82, "ß.example".encode()))], [])
@example([hand.alternative_names(hand.der(0x87, b"\x7f\x00\x00\x01\xff\x00\x00\x00"))], [])
@example([hand.alternative_names(hand.der(0xA4, b"\x30\x00"))], [])
@example([], [hand.attribute(0x1E, b"\x00a\x00.")])
def test_any_names_in_a_signed_csr_come_out_as_they_are_signed(
    asked: list[bytes], subject: list[bytes]
) -> None:
    request = parse(hand_csr(subject=tuple(subject), extensions=tuple(asked), key=EC))
    if request is None:
        return
    assert all(name.value.isascii() and "\x00" not in name.value for name in request.names)
    assert len(set(request.names)) == len(request.names)
