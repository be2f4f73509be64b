"""Keys that may own no account (RFC 8555 section 6.2; S16), and what an account may not be told."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.acme_client import ClientKey, b64
from tests.support.bad_acme_requests import MALFORMED, BadRequest, Bench, signed

BAD_KEY = (400, "badPublicKey")
BAD_ALGORITHM = (400, "badSignatureAlgorithm")


def cases() -> Iterator[BadRequest]:
    """Yield the cases."""
    yield from _elliptic_curve_keys()
    yield from _rsa_keys()
    yield from _other_keys()
    yield from _purposes()


def _key(name: str, refusal: tuple[int, str], jwk: Any, alg: str = "ES256") -> BadRequest:
    def header(bench: Bench) -> Mapping[str, Any]:
        return {"alg": alg, "jwk": jwk(bench.newcomer.key.jwk) if callable(jwk) else jwk}

    return signed(f"key: {name}", refusal, "newAccount", {}, by="newcomer", header=header)


def _elliptic_curve_keys() -> Iterator[BadRequest]:
    for name, change in (
        ("a private key", {"d": "AAAA"}),
        ("the curve secp256k1", {"crv": "secp256k1"}),
        ("the curve P-224", {"crv": "P-224"}),
        ("the curve p-256", {"crv": "p-256"}),
        ("a curve that is a number", {"crv": 256}),
        ("a curve that is a list", {"crv": ["P-256"]}),
        ("the point at zero", {"x": b64(bytes(32)), "y": b64(bytes(32))}),
        ("x beyond the field", {"x": b64(b"\xff" * 32)}),
        ("a point off the curve", {"y": b64(b"\x01" * 32)}),
        ("x one octet short", {"x": b64(b"\x01" * 31)}),
        ("x one octet long", {"x": b64(b"\x01" * 33)}),
        ("x empty", {"x": ""}),
        ("x with padding", {"x": b64(b"\x01" * 32) + "="}),
        ("x that is a number", {"x": 7}),
        ("y that is null", {"y": None}),
        ("x of ten thousand octets", {"x": b64(b"\x01" * 10_000)}),
        ("the coordinates of another curve", {"crv": "P-384"}),
    ):
        yield _key(name, BAD_KEY, lambda jwk, change=change: {**jwk, **change})
    for member in ("kty", "crv", "x", "y"):
        yield _key(
            f"without {member}",
            BAD_KEY,
            lambda jwk, member=member: {name: value for name, value in jwk.items() if name != member},
        )


def _rsa_keys() -> Iterator[BadRequest]:
    good = ClientKey(rsa.generate_private_key(65537, 2048)).jwk
    weak = ClientKey(rsa.generate_private_key(65537, 1024)).jwk
    modulus = int.from_bytes(bytes.fromhex("c5" + "9b" * 255), "big")

    def key(n: int, e: int = 65537) -> dict[str, str]:
        return {"kty": "RSA", "n": _octets(n), "e": _octets(e)}

    for name, jwk in (
        ("RSA of 1024 bits", weak),
        ("RSA of 2047 bits", key(modulus >> 1 | 1)),
        ("RSA of 4104 bits", key((1 << 4103) | 1)),
        ("RSA of 16384 bits", key((1 << 16383) | 1)),
        ("RSA of an odd size", key((1 << 2050) | 1)),
        ("RSA with an even modulus", key(modulus & ~1)),
        ("RSA with the exponent 1", {**good, "e": _octets(1)}),
        ("RSA with an even exponent", {**good, "e": _octets(65536)}),
        ("RSA with an exponent of 33 bits", {**good, "e": _octets(2**32 + 1)}),
        ("RSA with the exponent 0", {**good, "e": b64(b"\0")}),
        ("RSA with a zero in front of its modulus", {**good, "n": b64(b"\0" + bytes(256))}),
        ("RSA with a zero in front of its exponent", {**good, "e": b64(b"\0\x01\0\x01")}),
        ("RSA without a modulus", {"kty": "RSA", "e": "AQAB"}),
        ("RSA without an exponent", {"kty": "RSA", "n": good["n"]}),
        ("RSA with private members", {**good, "d": "AAAA", "p": "AAAA", "q": "AAAA"}),
        ("RSA with an exponent in other base64", {**good, "e": "AQ+B"}),
    ):
        yield _key(name, BAD_KEY, jwk, "RS256")


def _octets(number: int) -> str:
    return b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _other_keys() -> Iterator[BadRequest]:
    for name, jwk in (
        ("symmetric", {"kty": "oct", "k": "AAAA"}),
        ("of an unknown type", {"kty": "XYZ"}),
        ("of the type ec", {"kty": "ec", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
        ("whose type is a number", {"kty": 7}),
        ("whose type is a list", {"kty": ["EC"]}),
        ("empty", {}),
        ("X25519", {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}),
        ("Ed448", {"kty": "OKP", "crv": "Ed448", "x": b64(bytes(57))}),
        ("Ed25519 one octet short", {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(31))}),
        ("Ed25519 without its point", {"kty": "OKP", "crv": "Ed25519"}),
        ("of ML-DSA without its key", {"kty": "AKP"}),
    ):
        yield _key(name, BAD_KEY, jwk)
    for name, other in (("an array", []), ("a text", "x"), ("a number", 7), ("true", True)):
        yield _key(name, MALFORMED, other)


def _purposes() -> Iterator[BadRequest]:
    for name, change in (
        ("for encryption", {"use": "enc"}),
        ("for a use that is a number", {"use": 7}),
        ("for another algorithm", {"alg": "ES512"}),
        ("for an algorithm that is a list", {"alg": ["ES256"]}),
        ("for signing only", {"key_ops": ["sign"]}),
        ("for nothing", {"key_ops": []}),
        ("whose operations are a text", {"key_ops": "verify"}),
    ):
        yield _key(name, MALFORMED, lambda jwk, change=change: {**jwk, **change})
    yield _key("with the algorithm of another curve", BAD_ALGORITHM, lambda jwk: jwk, "ES384")
    yield _key("with the algorithm of another family", BAD_ALGORITHM, lambda jwk: jwk, "RS256")
