"""Private keys as `cryptography` sees them, offering `sign` and `public_key` and withholding the rest.

The builders of certificates, CRLs and CSRs take them as they take the library's own classes, at the
same cost.
"""

from typing import Any, Never, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric import utils as asymmetric_utils
from cryptography.utils import Buffer

LatticePrivateKey: TypeAlias = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
LatticePublicKey: TypeAlias = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | LatticePrivateKey
)
PublicKey: TypeAlias = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | LatticePublicKey
)


def _withhold(*_args: Any, **_keywords: Any) -> Never:
    raise TypeError("custody keeps this private key: it signs, and nothing else is given out")


class Withheld:
    """Everything of a private key that is not signing."""

    def private_bytes(self, *_args: Any, **_keywords: Any) -> Never:
        _withhold()

    def private_bytes_raw(self, *_args: Any, **_keywords: Any) -> Never:
        _withhold()

    def private_numbers(self, *_args: Any, **_keywords: Any) -> Never:
        _withhold()

    def exchange(self, *_args: Any, **_keywords: Any) -> Never:
        _withhold()

    def decrypt(self, *_args: Any, **_keywords: Any) -> Never:
        _withhold()

    def __copy__(self) -> Never:
        _withhold()

    def __deepcopy__(self, _memo: dict[Any, Any]) -> Never:
        _withhold()

    def __reduce__(self) -> Never:
        _withhold()


class WithheldRsaKey(Withheld, rsa.RSAPrivateKey):
    """An RSA key that only signs."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public_key

    def sign(
        self,
        data: bytes,
        padding: padding.AsymmetricPadding,
        algorithm: asymmetric_utils.Prehashed | hashes.HashAlgorithm | asymmetric_utils.NoDigestInfo,
    ) -> bytes:
        return self._key.sign(data, padding, algorithm)


class WithheldEllipticCurveKey(Withheld, ec.EllipticCurvePrivateKey):
    """An ECDSA key that only signs."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public_key

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        return self._key.sign(data, signature_algorithm)


class WithheldEd25519Key(Withheld, ed25519.Ed25519PrivateKey):
    """An Ed25519 key that only signs."""

    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()

    def public_key(self) -> ed25519.Ed25519PublicKey:
        return self._public_key

    def sign(self, data: Buffer) -> bytes:
        return self._key.sign(data)


class WithheldLattice44Key(Withheld, mldsa.MLDSA44PrivateKey):
    """An ML-DSA-44 key that only signs."""

    def __init__(self, key: mldsa.MLDSA44PrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()

    def public_key(self) -> mldsa.MLDSA44PublicKey:
        return self._public_key

    def sign(self, data: Buffer, context: Buffer | None = None) -> bytes:
        return self._key.sign(data, context)

    def sign_mu(self, mu: Buffer) -> bytes:
        return self._key.sign_mu(mu)


class WithheldLattice65Key(Withheld, mldsa.MLDSA65PrivateKey):
    """An ML-DSA-65 key that only signs."""

    def __init__(self, key: mldsa.MLDSA65PrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()

    def public_key(self) -> mldsa.MLDSA65PublicKey:
        return self._public_key

    def sign(self, data: Buffer, context: Buffer | None = None) -> bytes:
        return self._key.sign(data, context)

    def sign_mu(self, mu: Buffer) -> bytes:
        return self._key.sign_mu(mu)


class WithheldLattice87Key(Withheld, mldsa.MLDSA87PrivateKey):
    """An ML-DSA-87 key that only signs."""

    def __init__(self, key: mldsa.MLDSA87PrivateKey) -> None:
        self._key = key
        self._public_key = key.public_key()

    def public_key(self) -> mldsa.MLDSA87PublicKey:
        return self._public_key

    def sign(self, data: Buffer, context: Buffer | None = None) -> bytes:
        return self._key.sign(data, context)

    def sign_mu(self, mu: Buffer) -> bytes:
        return self._key.sign_mu(mu)


def withhold(key: PrivateKey) -> PrivateKey:
    """Return `key` as something that only signs."""
    if isinstance(key, rsa.RSAPrivateKey):
        return WithheldRsaKey(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return WithheldEllipticCurveKey(key)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return WithheldEd25519Key(key)
    if isinstance(key, mldsa.MLDSA44PrivateKey):
        return WithheldLattice44Key(key)
    if isinstance(key, mldsa.MLDSA65PrivateKey):
        return WithheldLattice65Key(key)
    return WithheldLattice87Key(key)
