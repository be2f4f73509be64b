"""What a certificate for tls-alpn-01 must be: each rule broken once (RFC 8737 section 3, RFC 8738)."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtensionOID

from acme.identifiers import Identifier
from acme.validation.alpn_certificate import CertificateRefusedError, verify_certificate
from acme.validation.tls_alpn_01 import server_name
from tests.support.alpn_responder import ACME_IDENTIFIER, OBSOLETE_IDENTIFIER, Shown, duplicated

NAME = "a.example"
ANSWER = "token.thumbprint"
DNS = Identifier("dns", NAME)


def verify(shown: Shown, identifier: Identifier = DNS) -> None:
    verify_certificate(shown.der, identifier, ANSWER)


@pytest.mark.parametrize("name", [NAME, "A.Example"])
def test_the_certificate_of_the_challenge_is_accepted(name: str) -> None:
    verify(Shown(NAME, ANSWER, names=[x509.DNSName(name)]))


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_the_certificate_of_an_address_is_accepted(address: str) -> None:
    verify(Shown(address, ANSWER), Identifier("ip", address))


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["rsa", "ed25519", "p384"],
)
def test_any_kind_of_key_is_accepted(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    shown = Shown(NAME, ANSWER).certificate
    name, now = shown.subject, datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in shown.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    made = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    verify_certificate(made.public_bytes(serialization.Encoding.DER), DNS, ANSWER)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (Shown(NAME, ANSWER, names=[]), "has no subjectAltName"),
        (Shown(NAME, ANSWER, names=[x509.DNSName("b.example")]), 'is for "b.example" and not for the name'),
        (Shown(NAME, ANSWER, names=[x509.DNSName("*.a.example")]), r'is for "\*\.a\.example" and not'),
        (Shown(NAME, ANSWER, names=[x509.DNSName("www.a.example")]), 'is for "www.a.example" and not'),
        (Shown(NAME, ANSWER, names=[x509.DNSName("a.example.")]), "is for"),
        (Shown(NAME, ANSWER, names=[x509.RFC822Name("a@a.example")]), "is for"),
        (Shown(NAME, ANSWER, names=[x509.IPAddress(ip_address("192.0.2.1"))]), "and not for the name"),
        (
            Shown(NAME, ANSWER, names=[x509.DNSName(NAME), x509.DNSName("b.example")]),
            "has 2 entries in its subjectAltName",
        ),
        (Shown(NAME, ANSWER, names=[x509.DNSName(NAME)] * 2), "has 2 entries in its subjectAltName"),
        (
            Shown(NAME, ANSWER, names=[x509.DNSName(NAME), x509.IPAddress(ip_address("192.0.2.1"))]),
            "has 2 entries in its subjectAltName",
        ),
        (Shown(NAME, ANSWER, identifier=None), "has no acmeIdentifier extension"),
        (Shown(NAME, ANSWER, is_critical=False), "is not critical"),
        (Shown(NAME, ANSWER, identifier=OBSOLETE_IDENTIFIER), "of an old draft"),
        (
            Shown(
                NAME,
                ANSWER,
                further=[(x509.UnrecognizedExtension(OBSOLETE_IDENTIFIER, b"\x04\x20" + b"x" * 32), True)],
            ),
            "of an old draft",
        ),
        (Shown(NAME, "token.other"), "is for another key authorization"),
        (Shown(NAME, ANSWER, value=b"x" * 32), "no OCTET STRING of 32 bytes"),
        (Shown(NAME, ANSWER, value=b"\x04\x1f" + b"x" * 31), "no OCTET STRING of 32 bytes"),
        (Shown(NAME, ANSWER, value=b"\x04\x20" + b"x" * 33), "no OCTET STRING of 32 bytes"),
        (Shown(NAME, ANSWER, value=b"\x0c\x20" + b"x" * 32), "no OCTET STRING of 32 bytes"),
        (Shown(NAME, ANSWER, value=b"\x04\x81\x20" + b"x" * 32), "no OCTET STRING of 32 bytes"),
        (Shown(NAME, ANSWER, value=b""), "no OCTET STRING of 32 bytes"),
        (Shown(NAME, ANSWER, issuer_name="Another"), "is not self-signed"),
        (Shown(NAME, ANSWER, issuer_key=ec.generate_private_key(ec.SECP256R1())), "is not self-signed"),
    ],
)
def test_a_certificate_that_breaks_a_rule_is_refused(shown: Shown, reason: str) -> None:
    with pytest.raises(CertificateRefusedError, match=reason):
        verify(shown)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.1", Shown("192.0.2.2", ANSWER)),
        ("192.0.2.1", Shown("192.0.2.1", ANSWER, names=[x509.DNSName("192.0.2.1")])),
        ("192.0.2.1", Shown("x", ANSWER, names=[x509.DNSName("1.2.0.192.in-addr.arpa")])),
        ("192.0.2.1", Shown("x", ANSWER, names=[x509.IPAddress(ip_address("::ffff:192.0.2.1"))])),
        ("2001:db8::1", Shown("2001:db8::2", ANSWER)),
    ],
)
def test_a_certificate_of_another_address_is_refused(address: str, shown: Shown) -> None:
    with pytest.raises(CertificateRefusedError, match=f"and not for the address {address}"):
        verify(shown, Identifier("ip", address))


@pytest.mark.parametrize("oid", [ACME_IDENTIFIER, ExtensionOID.SUBJECT_ALTERNATIVE_NAME])
def test_an_extension_that_stands_twice_is_refused(oid: x509.ObjectIdentifier) -> None:
    with pytest.raises(CertificateRefusedError, match=f"has the extension {oid.dotted_string} twice"):
        verify_certificate(duplicated(Shown(NAME, ANSWER), oid), DNS, ANSWER)


@pytest.mark.parametrize("der", [b"\x30", b"\x30\x00", b"x" * 1000, b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(CertificateRefusedError, match="cannot be read"):
        verify_certificate(der, DNS, ANSWER)


def test_no_certificate_is_refused() -> None:
    with pytest.raises(CertificateRefusedError, match="there was none"):
        verify_certificate(b"", DNS, ANSWER)


def test_names_of_strangers_are_shown_escaped_and_cut() -> None:
    shown = Shown(NAME, ANSWER, names=[x509.UniformResourceIdentifier("x:" + "y" * 500)])
    with pytest.raises(CertificateRefusedError) as refused:
        verify(shown)
    assert str(refused.value).count("y") < 100


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        (DNS, NAME),
        (Identifier("ip", "192.0.2.1"), "1.2.0.192.in-addr.arpa"),
        (Identifier("ip", "2001:db8::1"), "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_the_server_name_is_the_name_or_the_arpa_name(identifier: Identifier, name: str) -> None:
    assert server_name(identifier) == name
