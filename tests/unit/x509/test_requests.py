"""What of a CSR is taken, and what is refused with which rule."""

import base64
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import generate_key
from ca_service.custody.withheld_keys import LatticePublicKey
from ca_service.kernel.errors import KeywrightError, MalformedError
from ca_service.policy.names import Name, NameKind
from ca_service.x509.errors import CsrRefusedError
from ca_service.x509.requests import parse_csr, parse_csr_pem
from tests.support import hand_csr as hand
from tests.support.hand_csr import hand_csr
from tests.support.x509_ground import make_csr


@cache
def rsa_key(bits: int, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def pem(der: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def spki(key: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    encoded: bytes = key.public_bytes(serialization.Encoding.DER, form)
    return encoded


def weak_modulus() -> bytes:
    """Return an RSA-2048 key whose modulus has the factor 3."""
    numbers = rsa_key(2048).public_key().public_numbers()
    modulus = numbers.n - numbers.n % 6 + 3
    return spki(rsa.RSAPublicNumbers(65537, modulus).public_key())


def utf8(text: str) -> bytes:
    return hand.attribute(0x0C, text.encode())


def point_off_its_curve() -> bytes:
    """Return a P-256 key whose point lies on no curve: the last bit of y is another."""
    der = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return der[:-1] + bytes([der[-1] ^ 1])


def explicit_curve() -> bytes:
    """Return an EC key whose curve is written out instead of named."""
    return hand.der(
        0x30,
        hand.der(0x30, hand.oid("2a8648ce3d0201"), hand.der(0x30, hand.der(0x02, b"\x01"))),
        hand.der(0x03, b"\x00\x04" + bytes(64)),
    )


BAD = {
    "nothing": (lambda: b"", "csr-encoding"),
    "rubbish": (lambda: b"\x30\x03abc", "csr-encoding"),
    "trailing bytes": (lambda: make_csr("a.example") + b"\x00", "csr-encoding"),
    "cut short": (lambda: make_csr("a.example")[:-1], "csr-encoding"),
    "too large": (lambda: b"\x30" * (48 * 1024 + 1), "csr-size"),
    "version 2": (lambda: hand_csr(version=1), "csr-encoding"),
    "a certificate's version": (lambda: hand_csr(version=2), "csr-encoding"),
    "broken signature": (lambda: hand_csr(break_signature=True), "csr-signature"),
    "another key's signature": (
        lambda: hand_csr(public_key=spki(ec.generate_private_key(ec.SECP256R1()).public_key())),
        "csr-signature",
    ),
    "SHA-1": (lambda: hand_csr(digest="sha1"), "csr-signature-algorithm"),
    "SHA-1 with RSA": (lambda: hand_csr(digest="sha1", key=rsa_key(2048)), "csr-signature-algorithm"),
    "MD5 with RSA": (lambda: hand_csr(digest="md5", key=rsa_key(2048)), "csr-signature-algorithm"),
    "SHA-224": (lambda: hand_csr(digest="sha224"), "csr-signature-algorithm"),
    "RSA-1024": (lambda: make_csr("a.example", key=rsa_key(1024)), "rsa-size"),
    "RSA-2560": (lambda: make_csr("a.example", key=rsa_key(2560)), "rsa-size"),
    "RSA-8192": (
        lambda: hand_csr(
            key=rsa_key(2048),
            public_key=spki(rsa.RSAPublicNumbers(65537, (1 << 8191) + 1).public_key()),
        ),
        "rsa-size",
    ),
    "exponent 3": (
        lambda: hand_csr(
            key=rsa_key(2048),
            public_key=spki(
                rsa.RSAPublicNumbers(3, rsa_key(2048).public_key().public_numbers().n).public_key()
            ),
        ),
        "rsa-exponent",
    ),
    "exponent of 33 bits": (
        lambda: hand_csr(
            key=rsa_key(2048),
            public_key=spki(
                rsa.RSAPublicNumbers(
                    (1 << 32) + 1, rsa_key(2048).public_key().public_numbers().n
                ).public_key()
            ),
        ),
        "rsa-exponent",
    ),
    "modulus with a small factor": (
        lambda: hand_csr(key=rsa_key(2048), public_key=weak_modulus()),
        "rsa-modulus",
    ),
    "secp256k1": (lambda: make_csr("a.example", key=ec.generate_private_key(ec.SECP256K1())), "key-curve"),
    "P-224": (lambda: make_csr("a.example", key=ec.generate_private_key(ec.SECP224R1())), "key-curve"),
    "point off its curve": (lambda: hand_csr(public_key=point_off_its_curve()), "key-type"),
    "explicit curve": (lambda: hand_csr(public_key=explicit_curve()), "csr-encoding"),
    "Ed448": (
        lambda: make_csr("a.example", key=ed448.Ed448PrivateKey.generate(), algorithm=None),
        "key-type",
    ),
    "DSA": (lambda: hand_csr(public_key=spki(dsa.generate_private_key(2048).public_key())), "key-type"),
    "unknown key type": (
        lambda: hand_csr(
            public_key=hand.der(
                0x30, hand.der(0x30, hand.oid("2b0601040182370101")), hand.der(0x03, b"\x00\x01")
            )
        ),
        "key-type",
    ),
    "two common names": (
        lambda: hand_csr(subject=(utf8("a.example"), utf8("b.example"))),
        "common-name-several",
    ),
    "two common names in one RDN": (
        lambda: hand_csr(
            subject=(
                hand.der(
                    0x31,
                    hand.der(0x30, hand.oid(hand.COMMON_NAME), hand.der(0x0C, b"a.example")),
                    hand.der(0x30, hand.oid(hand.COMMON_NAME), hand.der(0x0C, b"b.example")),
                ),
            )
        ),
        "common-name-several",
    ),
    "BMPString": (
        lambda: hand_csr(subject=(hand.attribute(0x1E, "a.example".encode("utf-16-be")),)),
        "common-name-string-type",
    ),
    "TeletexString": (
        lambda: hand_csr(subject=(hand.attribute(0x14, b"a.example"),)),
        "common-name-string-type",
    ),
    "UniversalString": (
        lambda: hand_csr(subject=(hand.attribute(0x1C, "a.example".encode("utf-32-be")),)),
        "common-name-string-type",
    ),
    "IA5String": (lambda: hand_csr(subject=(hand.attribute(0x16, b"a.example"),)), "common-name-string-type"),
    "invalid UTF-8": (lambda: hand_csr(subject=(hand.attribute(0x0C, b"\xff\xfe"),)), None),
    "NUL in the common name": (
        lambda: hand_csr(subject=(utf8("a.example\x00.evil.example"),)),
        "common-name-character",
    ),
    "newline in the common name": (lambda: hand_csr(subject=(utf8("a\nb"),)), "common-name-character"),
    "bidi in the common name": (lambda: hand_csr(subject=(utf8("a\u202eb"),)), "common-name-character"),
    "zero width in the common name": (lambda: hand_csr(subject=(utf8("a\u200bb"),)), "common-name-character"),
    "empty common name": (lambda: hand_csr(subject=(utf8(""),)), "common-name-empty"),
    "common name of 65 characters": (lambda: hand_csr(subject=(utf8("A b" * 22),)), "common-name-too-long"),
    "common name with spaces around": (lambda: hand_csr(subject=(utf8(" Bob "),)), "common-name-form"),
    "common name not composed": (lambda: hand_csr(subject=(utf8("e\u0301 x"),)), "common-name-form"),
    "common name like a host": (lambda: hand_csr(subject=(utf8("a..example"),)), "dns-empty-label"),
    "common name with a star inside": (
        lambda: hand_csr(subject=(utf8("a.*.example"),)),
        "wildcard-not-leftmost",
    ),
    "common name with a dot at the end": (
        lambda: hand_csr(subject=(utf8("a.example."),)),
        "dns-trailing-dot",
    ),
    "CA:TRUE": (
        lambda: make_csr("a.example", extensions=((x509.BasicConstraints(True, None), True),)),
        "csr-authority",
    ),
    "name constraints": (
        lambda: make_csr(
            "a.example", extensions=((x509.NameConstraints([x509.DNSName("example")], None), True),)
        ),
        "csr-authority",
    ),
    "precertificate poison": (
        lambda: make_csr("a.example", extensions=((x509.PrecertPoison(), True),)),
        "csr-certificate-transparency",
    ),
    "SCT list": (
        lambda: hand_csr(extensions=(hand.extension(hand.SCT_LIST, hand.der(0x04, b"\x00\x00")),)),
        "csr-certificate-transparency",
    ),
    "another TLS feature": (
        lambda: make_csr(
            "a.example", extensions=((x509.TLSFeature([x509.TLSFeatureType.status_request_v2]), False),)
        ),
        "csr-must-staple",
    ),
    "the same extension twice": (
        lambda: hand_csr(
            extensions=(
                hand.alternative_names(hand.dns(b"a.example")),
                hand.alternative_names(hand.dns(b"b.example")),
            )
        ),
        "csr-extensions",
    ),
    "an extension that is no DER": (
        lambda: hand_csr(extensions=(hand.extension(hand.SUBJECT_ALTERNATIVE_NAME, b"\x30\x05"),)),
        "csr-extensions",
    ),
    "otherName": (
        lambda: hand_csr(
            extensions=(
                hand.alternative_names(
                    hand.der(0xA0, hand.oid("2b060104018237140203"), hand.der(0xA0, hand.der(0x0C, b"root")))
                ),
            )
        ),
        "name-type",
    ),
    "directoryName": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.der(0xA4, hand.der(0x30, utf8("admin")))),)),
        "name-type",
    ),
    "registeredID": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.der(0x88, b"\x2a\x03")),)),
        "name-type",
    ),
    "x400Address": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.der(0xA3, b"")),)),
        "csr-extensions",
    ),
    "dNSName with NUL": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.dns(b"a.example\x00.evil")),)),
        None,
    ),
    "dNSName that is not ASCII": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.dns("bücher.example".encode())),)),
        "name-not-ascii",
    ),
    "dNSName empty": (lambda: hand_csr(extensions=(hand.alternative_names(hand.dns(b"")),)), "dns-empty"),
    "dNSName with a trailing dot": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.dns(b"a.example.")),)),
        "dns-trailing-dot",
    ),
    "dNSName that is an address": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.dns(b"10.0.0.1")),)),
        "dns-last-label-numeric",
    ),
    "dNSName with an underscore": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.dns(b"_a.example")),)),
        "dns-underscore",
    ),
    "dNSName with two stars": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.dns(b"*.*.example")),)),
        "wildcard-not-leftmost",
    ),
    "iPAddress of 5 octets": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.der(0x87, bytes(5))),)),
        "csr-extensions",
    ),
    "iPAddress with a mask": (
        lambda: hand_csr(
            extensions=(hand.alternative_names(hand.der(0x87, b"\x0a\x00\x00\x00\xff\x00\x00\x00")),)
        ),
        "ip-length",
    ),
    "URI with a user": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.der(0x86, b"https://u:p@a.example/")),)),
        "uri-user",
    ),
    "e-mail without a domain": (
        lambda: hand_csr(extensions=(hand.alternative_names(hand.der(0x81, b"root")),)),
        "email-syntax",
    ),
    "101 names": (lambda: make_csr(*(f"h{n}.example" for n in range(101))), "too-many-names"),
}


@pytest.mark.parametrize(("make", "rule"), BAD.values(), ids=BAD.keys())
def test_a_bad_csr_is_refused_with_field_and_rule(make: Any, rule: str | None) -> None:
    with pytest.raises(KeywrightError) as caught:
        parse_csr(make())
    assert caught.value.field == "csr"
    assert caught.value.rule is not None
    assert rule is None or caught.value.rule == rule


def test_an_unknown_signature_is_told_before_it_is_verified() -> None:
    key = rsa_key(2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    weak = request.sign(key, hashes.SHA256(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), 32))
    assert parse_csr(weak.public_bytes(serialization.Encoding.DER)).key_algorithm is KeyAlgorithm.RSA_2048


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (lambda: ec.generate_private_key(ec.SECP256R1()), KeyAlgorithm.EC_P256),
        (lambda: ec.generate_private_key(ec.SECP384R1()), KeyAlgorithm.EC_P384),
        (lambda: ec.generate_private_key(ec.SECP521R1()), KeyAlgorithm.EC_P521),
        (lambda: rsa_key(2048), KeyAlgorithm.RSA_2048),
        (lambda: rsa_key(3072), KeyAlgorithm.RSA_3072),
    ],
)
def test_the_key_algorithm_is_told(key: Any, algorithm: KeyAlgorithm) -> None:
    assert parse_csr(make_csr("a.example", key=key())).key_algorithm is algorithm


def test_ed25519_is_taken() -> None:
    csr = make_csr("a.example", key=ed25519.Ed25519PrivateKey.generate(), algorithm=None)
    assert parse_csr(csr).key_algorithm is KeyAlgorithm.ED25519


@pytest.mark.parametrize("algorithm", [one for one in KeyAlgorithm if one.is_lattice])
def test_ml_dsa_is_taken(algorithm: KeyAlgorithm) -> None:
    csr = make_csr("a.example", key=generate_key(algorithm).certificate_key, algorithm=None)
    assert parse_csr(csr).key_algorithm is algorithm


def test_an_ml_dsa_signature_of_another_key_is_refused() -> None:
    first, other = (
        make_csr(name, key=generate_key(KeyAlgorithm.ML_DSA_44).certificate_key, algorithm=None)
        for name in ("a.example", "a.example")
    )
    with pytest.raises(CsrRefusedError) as caught:
        parse_csr(first[:-2420] + other[-2420:])
    assert caught.value.rule == "csr-signature"


def lattice_csr(*, beside_key: bytes = b"", beside_signature: bytes = b"") -> bytes:
    key = generate_key(KeyAlgorithm.ML_DSA_44)
    assert isinstance(key.public_key, LatticePublicKey)
    identifier = hand.oid("608648016503040311")
    spki = hand.der(
        0x30,
        hand.der(0x30, identifier, beside_key),
        hand.der(0x03, b"\x00", key.public_key.public_bytes_raw()),
    )
    info = hand.der(0x30, hand.der(0x02, b"\x00"), hand.der(0x30), spki, hand.der(0xA0))
    signature = hand.der(0x03, b"\x00", key.signer("").sign(info))
    return hand.der(0x30, info, hand.der(0x30, identifier, beside_signature), signature)


def test_ml_dsa_stands_without_parameters() -> None:
    assert parse_csr(lattice_csr()).key_algorithm is KeyAlgorithm.ML_DSA_44


@pytest.mark.parametrize("place", ["beside_key", "beside_signature"])
def test_parameters_beside_ml_dsa_are_refused(place: str) -> None:
    # RFC 9881 section 2: they are absent, not NULL.
    with pytest.raises(KeywrightError) as caught:
        parse_csr(lattice_csr(**{place: hand.der(0x05)}))
    assert caught.value.rule in {"key-type", "csr-signature-algorithm", "csr-encoding", "csr-signature"}


def test_names_are_taken_in_order_and_folded() -> None:
    parsed = parse_csr(make_csr("B.example", "a.example", "b.EXAMPLE"))
    assert parsed.names == (Name(NameKind.DNS, "b.example"), Name(NameKind.DNS, "a.example"))


def test_a_mapped_address_is_folded() -> None:
    mapped = bytes(10) + b"\xff\xff\x0a\x00\x00\x01"
    parsed = parse_csr(hand_csr(extensions=(hand.alternative_names(hand.der(0x87, mapped)),)))
    assert parsed.names == (Name(NameKind.IP, "10.0.0.1"),)


def test_no_common_name_is_none() -> None:
    assert parse_csr(make_csr("a.example")).common_name is None


def test_other_subject_attributes_are_left_behind() -> None:
    country = hand.attribute(0x13, b"DE", "550406")
    parsed = parse_csr(hand_csr(subject=(country, utf8("a.example"))))
    assert parsed.common_name is not None
    assert parsed.common_name.text == "a.example"


def test_a_dns_name_too_long_for_a_subject_is_a_name_only() -> None:
    long = ".".join(["a" * 30] * 3)
    common_name = parse_csr(hand_csr(subject=(utf8(long),))).common_name
    assert common_name is not None
    assert (common_name.fits, common_name.name) == (False, Name(NameKind.DNS, long))


def test_asked_key_usages_are_ignored() -> None:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    assert parse_csr(make_csr("a.example", extensions=((usage, True),))).names


def test_unknown_extensions_are_ignored() -> None:
    unknown = hand.extension("2b06010401823701", b"\x05\x00")
    assert parse_csr(hand_csr(extensions=(unknown, hand.alternative_names(hand.dns(b"a.example"))))).names


@pytest.mark.parametrize("label", ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"])
def test_a_pem_block_is_read(label: str) -> None:
    csr = make_csr("a.example")
    assert parse_csr_pem(pem(csr, label)) == csr


def test_windows_line_ends_are_read() -> None:
    csr = make_csr("a.example")
    assert parse_csr_pem(pem(csr).replace("\n", "\r\n")) == csr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\nA\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END NEW CERTIFICATE REQUEST-----\n",
        pem(b"\x30\x00") + pem(b"\x30\x00"),
        "preamble\n" + pem(b"\x30\x00"),
        "A" * (200 * 1024),
    ],
    ids=["empty", "words", "no body", "odd", "signs", "certificate", "labels", "two", "preamble", "huge"],
)
def test_what_is_not_one_pem_block_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_csr_pem(text)
    assert caught.value.field == "csr"


@pytest.mark.parametrize("asks", [False, True])
def test_a_request_for_must_staple_is_told(asks: bool) -> None:
    feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
    csr = make_csr("a.example", extensions=((feature, False),) if asks else ())
    assert parse_csr(csr).asks_to_staple is asks
