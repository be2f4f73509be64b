"""Public keys that may own an account: strict JWK in, loaded key and thumbprint out.

Sources: RFC 7517, RFC 7518 section 6, RFC 8037 (Ed25519), RFC 7638 (thumbprint).
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from acme.errors import BadPublicKeyError
from acme.wire import base64url
from ca_service.kernel.errors import MalformedError

PublicKey: TypeAlias = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey

_CURVES: Mapping[str, EllipticCurve] = {"P-256": SECP256R1(), "P-384": SECP384R1(), "P-521": SECP521R1()}
_EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_RSA_BITS = range(2048, 4097)
_MAXIMUM_EXPONENT = 2**32 - 1


class AccountKey(Struct, frozen=True):
    """A loaded public key. `algorithms` are what it may verify; the key decides, not the header.

    `jwk` holds the members of the thumbprint and no others, in the canonical form of RFC 7638 section 3.
    """

    public_key: PublicKey
    algorithms: tuple[str, ...]
    jwk: bytes
    thumbprint: str

    @property
    def der(self) -> bytes:
        """Return its SubjectPublicKeyInfo, by which the certificate authority knows keys."""
        return self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def parse_jwk(jwk: object, algorithm: str | None = None) -> AccountKey:
    """Return the key that a JWK describes; `algorithm` is what the JWS that carries it says of itself.

    Raises BadPublicKeyError for private members, unknown types, keys out of bounds and points off the curve,
    MalformedError for a JWK that contradicts itself or its JWS.
    """
    if not isinstance(jwk, dict):
        raise MalformedError("The `jwk` in the protected header is not an object.")
    if _PRIVATE_MEMBERS & jwk.keys():
        raise BadPublicKeyError(
            "The `jwk` holds a private key; send the public key only, and replace this one."
        )
    _verify_purpose(jwk, algorithm)
    match jwk.get("kty"):
        case "EC":
            return _elliptic_curve_key(jwk)
        case "RSA":
            return _rsa_key(jwk)
        case "OKP":
            return _edwards_key(jwk)
    raise BadPublicKeyError("The `kty` of the `jwk` is not one of EC, RSA, OKP.")


def key_of(public_key: object) -> AccountKey:
    """Return the account key that a loaded key (of a CSR, of a certificate) would be.

    Raises BadPublicKeyError for a key that may not own an account.
    """
    if isinstance(public_key, EllipticCurvePublicKey):
        point = public_key.public_numbers()
        size = (public_key.key_size + 7) // 8
        name = next(
            (name for name, curve in _CURVES.items() if curve.name == public_key.curve.name), "unknown"
        )
        x, y = (base64url.encode(number.to_bytes(size, "big")) for number in (point.x, point.y))
        return parse_jwk({"kty": "EC", "crv": name, "x": x, "y": y})
    if isinstance(public_key, RSAPublicKey):
        numbers = public_key.public_numbers()
        n, e = (
            base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
            for number in (numbers.n, numbers.e)
        )
        return parse_jwk({"kty": "RSA", "n": n, "e": e})
    if isinstance(public_key, Ed25519PublicKey):
        return parse_jwk(
            {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(public_key.public_bytes_raw())}
        )
    raise BadPublicKeyError("The key is of a type that owns no ACME account.")


def _verify_purpose(jwk: Mapping[str, Any], algorithm: str | None) -> None:
    """Refuse a JWK that says it is for something else (RFC 7517 sections 4.2 to 4.4)."""
    if jwk.get("use", "sig") != "sig":
        raise MalformedError("The `jwk` is not for signatures: its `use` is not `sig`.")
    if algorithm is not None and jwk.get("alg", algorithm) != algorithm:
        raise MalformedError("The `alg` of the `jwk` is not the `alg` of the JWS.")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise MalformedError("The `jwk` is not for verifying: its `key_ops` lack `verify`.")


def _elliptic_curve_key(jwk: Mapping[str, Any]) -> AccountKey:
    name = jwk.get("crv")
    curve = _CURVES.get(name) if isinstance(name, str) else None
    if curve is None:
        raise BadPublicKeyError("The `crv` of the EC key is not one of P-256, P-384, P-521.")
    size = (curve.key_size + 7) // 8
    x, y = (_octets(jwk, member, size) for member in ("x", "y"))
    try:
        numbers = EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve)
        public_key = numbers.public_key()
    except ValueError as error:
        raise BadPublicKeyError(f"The EC key is not a point of {name}.") from error
    members = {"crv": str(name), "kty": "EC", "x": str(jwk["x"]), "y": str(jwk["y"])}
    return _account_key(public_key, (_EC_ALGORITHMS[str(name)],), members)


def _rsa_key(jwk: Mapping[str, Any]) -> AccountKey:
    modulus, exponent = (_positive(jwk, member) for member in ("n", "e"))
    if modulus.bit_length() not in _RSA_BITS:
        raise BadPublicKeyError("The RSA key must have 2048 to 4096 bits.")
    if modulus.bit_length() % 8 or modulus % 2 == 0:
        raise BadPublicKeyError("The RSA modulus must be odd and its size a whole number of bytes.")
    if exponent % 2 == 0 or not 3 <= exponent <= _MAXIMUM_EXPONENT:
        raise BadPublicKeyError("The RSA exponent must be odd, at least 3 and at most 32 bits; use 65537.")
    try:
        public_key = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as error:
        raise BadPublicKeyError("The RSA key is not usable; make another.") from error
    members = {"e": str(jwk["e"]), "kty": "RSA", "n": str(jwk["n"])}
    return _account_key(public_key, ("RS256", "PS256"), members)


def _edwards_key(jwk: Mapping[str, Any]) -> AccountKey:
    if jwk.get("crv") != "Ed25519":
        raise BadPublicKeyError("The `crv` of the OKP key is not Ed25519.")
    public_key = Ed25519PublicKey.from_public_bytes(_octets(jwk, "x", 32))
    members = {"crv": "Ed25519", "kty": "OKP", "x": str(jwk["x"])}
    return _account_key(public_key, ("Ed25519", "EdDSA"), members)


def _account_key(public_key: PublicKey, algorithms: tuple[str, ...], members: dict[str, str]) -> AccountKey:
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode("ascii")
    thumbprint = base64url.encode(hashlib.sha256(canonical).digest())
    return AccountKey(public_key, algorithms, canonical, thumbprint)


def _member(jwk: Mapping[str, Any], member: str) -> bytes:
    text = jwk.get(member)
    if not isinstance(text, str) or not text:
        raise BadPublicKeyError(f"The `jwk` lacks its member `{member}`.")
    try:
        return base64url.decode(text, f"member `{member}` of the `jwk`")
    except MalformedError as error:
        raise BadPublicKeyError(error.detail) from error


def _octets(jwk: Mapping[str, Any], member: str, size: int) -> bytes:
    octets = _member(jwk, member)
    if len(octets) != size:
        raise BadPublicKeyError(f"The member `{member}` of the `jwk` must have exactly {size} octets.")
    return octets


def _positive(jwk: Mapping[str, Any], member: str) -> int:
    """Return a Base64urlUInt (RFC 7518 section 2); refusing leading zeros keeps one thumbprint per key."""
    octets = _member(jwk, member)
    if len(octets) > 513 or octets[0] == 0:
        raise BadPublicKeyError(
            f"The member `{member}` of the `jwk` is too long or starts with a zero octet."
        )
    return int.from_bytes(octets, "big")


class KeyCache:
    """Loaded keys of accounts by thumbprint; the least recently used go first."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._keys: OrderedDict[str, AccountKey] = OrderedDict()

    def load(self, thumbprint: str, jwk: bytes) -> AccountKey:
        """Return the key that is stored as canonical `jwk`."""
        key = self._keys.pop(thumbprint, None) or parse_jwk(json.loads(jwk))
        self._keys[thumbprint] = key
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)
        return key
