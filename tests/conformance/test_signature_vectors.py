"""Signatures on requests that are wrong in the ways that Wycheproof lists: each is refused.

No registry package carries Wycheproof's own files, so these are made here in the same spirit.
"""

from collections.abc import Callable
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_service.kernel.errors import KeywrightError
from ca_service.x509.requests import parse_csr
from tests.support.hand_csr import der, oid

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
ECDSA_WITH_SHA256 = der(0x30, oid("2a8648ce3d040302"))
RSA_WITH_SHA256 = der(0x30, oid("2a864886f70d01010b"), der(0x05))


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=False))


def pair(r: int, s: int) -> bytes:
    return der(0x30, integer(r), integer(s))


def request(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der(0x30, der(0x02, b"\x00"), der(0x30), spki, der(0xA0))


def whole(info: bytes, identifier: bytes, signature: bytes) -> bytes:
    return der(0x30, info, identifier, der(0x03, b"\x00", signature))


@cache
def elliptic() -> tuple[bytes, int, int]:
    key = ec.generate_private_key(ec.SECP256R1())
    info = request(key.public_key())
    return info, *decode_dss_signature(key.sign(info, ec.ECDSA(hashes.SHA256())))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def powered(message: bytes) -> bytes:
    """Return what "verifies" to this message: the private operation without any padding of its own."""
    numbers = rsa_key().private_numbers()
    modulus = numbers.public_numbers.n
    return pow(int.from_bytes(message, "big"), numbers.d, modulus).to_bytes(256, "big")


def padded(digest_info: bytes, *, block: int = 1, filling: bytes = b"\xff") -> bytes:
    return bytes((0, block)) + filling * (256 - 3 - len(digest_info)) + b"\0" + digest_info


def digest_of(info: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(info)
    return digest.finalize()


_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")

ELLIPTIC: dict[str, Callable[[int, int], bytes]] = {
    "nothing": lambda r, s: b"",
    "zeros": lambda r, s: pair(0, 0),
    "r is zero": lambda r, s: pair(0, s),
    "s is zero": lambda r, s: pair(r, 0),
    "ones": lambda r, s: pair(1, 1),
    "r beyond the order": lambda r, s: pair(r + ORDER, s),
    "s beyond the order": lambda r, s: pair(r, s + ORDER),
    "s is the order": lambda r, s: pair(r, ORDER),
    "exchanged": lambda r, s: pair(s, r),
    "raw numbers": lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big"),
    "padded integer": lambda r, s: der(0x30, der(0x02, b"\0\0" + r.to_bytes(32, "big")), integer(s)),
    "long length": lambda r, s: b"\x30\x81" + pair(r, s)[1:],
    "more behind": lambda r, s: pair(r, s) + b"\0",
    "a third number": lambda r, s: der(0x30, integer(r), integer(s), integer(1)),
    "negative": lambda r, s: der(0x30, der(0x02, b"\xff" + r.to_bytes(32, "big")), integer(s)),
}
RSA: dict[str, Callable[[bytes], bytes]] = {
    "zero": lambda info: bytes(256),
    "one": lambda info: bytes(255) + b"\1",
    "no padding": lambda info: powered(digest_of(info)),
    "block type 2": lambda info: powered(padded(_PREFIX + digest_of(info), block=2)),
    "other filling": lambda info: powered(padded(_PREFIX + digest_of(info), filling=b"\xfe")),
    "rubbish behind the digest": lambda info: powered(
        b"\0\1" + b"\xff" * 8 + b"\0" + _PREFIX + digest_of(info) + bytes(256 - 11 - 51)
    ),
    "no digest info": lambda info: powered(padded(digest_of(info))),
    "a byte short": lambda info: signed(info)[:-1],
    "a byte long": lambda info: signed(info) + b"\0",
    "a byte before": lambda info: b"\0" + signed(info),
    "plus the modulus": lambda info: (
        int.from_bytes(signed(info), "big") + rsa_key().public_key().public_numbers().n
    ).to_bytes(257, "big"),
}


def signed(info: bytes) -> bytes:
    return rsa_key().sign(info, padding.PKCS1v15(), hashes.SHA256())


def test_the_right_elliptic_signature_is_taken() -> None:
    info, r, s = elliptic()
    assert parse_csr(whole(info, ECDSA_WITH_SHA256, pair(r, s))).names == ()


@pytest.mark.parametrize("make", ELLIPTIC.values(), ids=ELLIPTIC.keys())
def test_a_wrong_elliptic_signature_is_refused(make: Callable[[int, int], bytes]) -> None:
    info, r, s = elliptic()
    with pytest.raises(KeywrightError) as refused:
        parse_csr(whole(info, ECDSA_WITH_SHA256, make(r, s)))
    assert refused.value.rule == "csr-signature"


def test_the_right_rsa_signature_is_taken() -> None:
    info = request(rsa_key().public_key())
    assert parse_csr(whole(info, RSA_WITH_SHA256, powered(padded(_PREFIX + digest_of(info))))).names == ()


@pytest.mark.parametrize("make", RSA.values(), ids=RSA.keys())
def test_a_wrong_rsa_signature_is_refused(make: Callable[[bytes], bytes]) -> None:
    info = request(rsa_key().public_key())
    with pytest.raises(KeywrightError) as refused:
        parse_csr(whole(info, RSA_WITH_SHA256, make(info)))
    assert refused.value.rule == "csr-signature"


def test_a_signature_of_another_kind_of_key_is_refused() -> None:
    info, r, s = elliptic()
    with pytest.raises(KeywrightError) as refused:
        parse_csr(whole(info, RSA_WITH_SHA256, pair(r, s)))
    assert refused.value.rule == "csr-signature"
