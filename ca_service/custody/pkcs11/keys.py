"""Private keys that stay on their token, as `cryptography` sees them: they sign, and nothing else.

What goes to the token is a digest (RSA, ECDSA) or the message (Ed25519). What comes back is verified with the
public key before it goes anywhere, so that a token at fault gives no signature out.
"""

from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric import utils as asymmetric_utils
from cryptography.utils import Buffer

from ca_service.custody.errors import KeyStoreUnavailableError
from ca_service.custody.withheld_keys import PrivateKey, PublicKey, Withheld

#: Signs so: the name of the mechanism (PKCS #11), and its input.
TokenSign: TypeAlias = Callable[[str, bytes], bytes]

#: DigestInfo up to the digest (RFC 8017 section 9.2, note 1).
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


class TokenRsaKey(Withheld, rsa.RSAPrivateKey):
    """An RSA key on a token; it signs as PKCS #1 v1.5 with SHA-2."""

    def __init__(self, public_key: rsa.RSAPublicKey, sign: TokenSign) -> None:
        self._public_key = public_key
        self._sign = sign

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
        if not (_is_pkcs1(padding) and isinstance(algorithm, hashes.HashAlgorithm)):
            raise ValueError("an RSA key on a token signs as PKCS #1 v1.5")
        prefix = _DIGEST_INFO.get(algorithm.name)
        if prefix is None:
            raise ValueError(f"custody does not sign with {algorithm.name}")
        signature = self._sign("RSA_PKCS", prefix + _digest(algorithm, data))
        with _Verified():
            self._public_key.verify(signature, data, padding, algorithm)
        return signature


class TokenEllipticCurveKey(Withheld, ec.EllipticCurvePrivateKey):
    """An ECDSA key on a token."""

    def __init__(self, public_key: ec.EllipticCurvePublicKey, sign: TokenSign) -> None:
        self._public_key = public_key
        self._sign = sign

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        return self._public_key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public_key

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        algorithm = signature_algorithm.algorithm
        if not isinstance(algorithm, hashes.HashAlgorithm):
            raise TypeError("an EC key on a token signs what custody hashes")
        # Two numbers of the curve's length, one behind the other (PKCS #11 section 6.3.1); here as DER.
        digest = _digest(algorithm, data)[: (self.key_size + 7) // 8]
        raw = self._sign("ECDSA", digest)
        half = len(raw) // 2
        signature = asymmetric_utils.encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )
        with _Verified():
            self._public_key.verify(signature, data, signature_algorithm)
        return signature


class TokenEd25519Key(Withheld, ed25519.Ed25519PrivateKey):
    """An Ed25519 key on a token."""

    def __init__(self, public_key: ed25519.Ed25519PublicKey, sign: TokenSign) -> None:
        self._public_key = public_key
        self._sign = sign

    def public_key(self) -> ed25519.Ed25519PublicKey:
        return self._public_key

    def sign(self, data: Buffer) -> bytes:
        signature = self._sign("EDDSA", bytes(data))
        with _Verified():
            self._public_key.verify(signature, data)
        return signature


def token_key(public_key: PublicKey, sign: TokenSign) -> PrivateKey:
    """Return the private half, which `sign` signs with.

    Raises TypeError for a key of a kind that no token here has.
    """
    if isinstance(public_key, rsa.RSAPublicKey):
        return TokenRsaKey(public_key, sign)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return TokenEllipticCurveKey(public_key, sign)
    if isinstance(public_key, ed25519.Ed25519PublicKey):
        return TokenEd25519Key(public_key, sign)
    raise TypeError(f"tokens are not asked to sign with keys of {type(public_key).__name__}")


class _Verified:
    """A block in which a token's signature is verified."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, InvalidSignature):
            raise KeyStoreUnavailableError(
                "The key store's token made a signature that does not verify; nothing was signed."
            ) from None


def _is_pkcs1(scheme: padding.AsymmetricPadding) -> bool:
    return isinstance(scheme, padding.PKCS1v15)


def _digest(algorithm: hashes.HashAlgorithm, data: Buffer) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()
