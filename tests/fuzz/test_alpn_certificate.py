"""Certificates that strangers show for tls-alpn-01: only the challenge's own passes."""

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from acme.identifiers import Identifier
from acme.validation.alpn_certificate import CertificateRefusedError, verify_certificate
from tests.support.alpn_responder import Shown

# Strangers' serial numbers are theirs; cryptography means to refuse some, which is as good.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a")

NAME = Identifier("dns", "a.example")
ADDRESS = Identifier("ip", "192.0.2.1")
AUTHORIZATION = "token.thumbprint"
GOOD = {identifier: Shown(identifier.value, AUTHORIZATION).der for identifier in (NAME, ADDRESS)}
general_names = st.one_of(
    st.text("ab.*-A", min_size=1, max_size=12).map(x509.DNSName),
    st.ip_addresses().map(x509.IPAddress),
    st.text("ab.", min_size=1, max_size=12).map(lambda text: x509.RFC822Name(f"{text}@a")),
    st.text("ab:/.", min_size=1, max_size=12).map(x509.UniformResourceIdentifier),
    st.just(x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))),
)


def is_taken(der: bytes, identifier: Identifier = NAME) -> bool:
    """Tell whether a certificate answers the challenge; every error but the refusal is a failure."""
    try:
        verify_certificate(der, identifier, AUTHORIZATION)
    except CertificateRefusedError:
        return False
    return True


@pytest.mark.parametrize("identifier", [NAME, ADDRESS])
def test_the_certificate_as_it_should_be_is_taken(identifier: Identifier) -> None:
    assert is_taken(GOOD[identifier], identifier)


@given(st.binary(max_size=400))
def test_no_random_bytes_are_taken(der: bytes) -> None:
    assert not is_taken(der)


@pytest.mark.parametrize("identifier", [NAME, ADDRESS])
@pytest.mark.parametrize("bit", [0, 1, 3, 6, 7])
def test_a_certificate_with_any_one_signed_bit_changed_is_refused(identifier: Identifier, bit: int) -> None:
    good = GOOD[identifier]
    signed = x509.load_der_x509_certificate(good).tbs_certificate_bytes
    begin = good.index(signed)
    for position in range(len(good)):
        changed = bytearray(good)
        changed[position] ^= 1 << bit
        # What is not signed may be written in more than one way, and proves nothing.
        is_signed = begin <= position < begin + len(signed)
        assert not is_taken(bytes(changed), identifier) or not is_signed, f"byte {position}"


@given(st.sampled_from([NAME, ADDRESS]), st.integers(0, 600), st.binary(max_size=4), st.integers(0, 4))
def test_a_certificate_with_signed_bytes_put_in_or_taken_out_is_refused(
    identifier: Identifier, position: int, put_in: bytes, taken_out: int
) -> None:
    good = GOOD[identifier]
    position %= len(x509.load_der_x509_certificate(good).tbs_certificate_bytes)
    changed = good[:position] + put_in + good[position + taken_out :]
    assert changed == good or not is_taken(changed, identifier)


@settings(deadline=None)
@given(st.lists(general_names, min_size=1, max_size=3), st.sampled_from([NAME, ADDRESS]))
def test_any_names_but_the_one_are_refused(names: list[x509.GeneralName], identifier: Identifier) -> None:
    der = Shown(NAME.value, AUTHORIZATION, names=names).der
    is_the_one = len(names) == 1 and str(getattr(names[0], "value", "")).lower() == identifier.value
    assert not is_taken(der, identifier) or is_the_one


@settings(deadline=None)
@given(st.binary(max_size=40) | st.binary(min_size=32, max_size=32).map(lambda digest: b"\x04\x20" + digest))
def test_any_other_digest_is_refused(value: bytes) -> None:
    assert not is_taken(Shown(NAME.value, AUTHORIZATION, value=value).der)
