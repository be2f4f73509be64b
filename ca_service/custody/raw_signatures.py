"""Signatures over callers' own messages and digests, by every scheme that a key's algorithm knows.

The schemes are RSASSA-PSS and RSASSA-PKCS1-v1_5 (RFC 8017), ECDSA in DER (RFC 3279 section 2.2.3) and Ed25519
(RFC 8032), by the names that key services share.
"""

from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import IntegrityError, SignatureRefusedError
from ca_service.custody.generation import GeneratedKey
from ca_service.custody.public_keys import public_key_der
from ca_service.custody.signers import Signer
from ca_service.custody.threads import SigningThreads
from ca_service.custody.withheld_keys import PublicKey


class SignatureAlgorithm(StrEnum):
    """A scheme with its hash."""

    RSASSA_PSS_SHA_256 = "RSASSA_PSS_SHA_256"
    RSASSA_PSS_SHA_384 = "RSASSA_PSS_SHA_384"
    RSASSA_PSS_SHA_512 = "RSASSA_PSS_SHA_512"
    RSASSA_PKCS1_V1_5_SHA_256 = "RSASSA_PKCS1_V1_5_SHA_256"
    RSASSA_PKCS1_V1_5_SHA_384 = "RSASSA_PKCS1_V1_5_SHA_384"
    RSASSA_PKCS1_V1_5_SHA_512 = "RSASSA_PKCS1_V1_5_SHA_512"
    ECDSA_SHA_256 = "ECDSA_SHA_256"
    ECDSA_SHA_384 = "ECDSA_SHA_384"
    ECDSA_SHA_512 = "ECDSA_SHA_512"
    ED25519 = "ED25519"

    @property
    def digest_size(self) -> int | None:
        """Return the bytes of a digest to sign; None for Ed25519, which signs the message itself."""
        found = _HASHES.get(self.value[-7:])
        return None if found is None else found.digest_size


_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA_256": hashes.SHA256(),
    "SHA_384": hashes.SHA384(),
    "SHA_512": hashes.SHA512(),
}
_PSS = "RSASSA_PSS"
_PKCS1 = "RSASSA_PKCS1"
#: Where slow keys of callers sign. Apart from those of authorities, which must not wait behind them.
_SLOW_KEYS = SigningThreads("the signature of a slow key", at_once=2)


class RawSigner:
    """Signs messages and digests with one key."""

    __slots__ = ("_signer",)

    def __init__(self, generated: GeneratedKey) -> None:
        """Take the key of `generated`; slow ones sign in threads, few at a time."""
        algorithm = generated.algorithm
        threads = _SLOW_KEYS if algorithm.is_slow else None
        self._signer = Signer("", algorithm, generated.certificate_key, threads=threads)

    @property
    def public_key(self) -> PublicKey:
        """Return the public key."""
        return self._signer.public_key

    async def sign(self, scheme: SignatureAlgorithm, data: bytes, *, is_digest: bool) -> bytes:
        """Return the signature of a message, or of the message with this digest.

        PSS salts are as long as the digest. Raises ValueError if the scheme is of another kind of key, and
        UnavailableError if too many wait for slow keys.
        """
        return await self._signer.in_turn(_sign, self._signer, scheme, data, is_digest)


def open_raw_signer(generated: GeneratedKey, public_key: bytes) -> RawSigner:
    """Return the signer of a kept key. Raises IntegrityError if this is not its SubjectPublicKeyInfo."""
    if public_key_der(generated.public_key) != public_key:
        raise IntegrityError("The public part of a kept key is not the one of its private part.")
    return RawSigner(generated)


def load_public_key(der: bytes, algorithm: KeyAlgorithm) -> PublicKey:
    """Return the key of a SubjectPublicKeyInfo that custody wrote. Raises IntegrityError."""
    try:
        key = load_der_public_key(der)
    except ValueError:
        key = None
    if isinstance(key, rsa.RSAPublicKey) and algorithm.is_rsa:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm.is_elliptic:
        return key
    if isinstance(key, ed25519.Ed25519PublicKey) and algorithm is KeyAlgorithm.ED25519:
        return key
    raise IntegrityError("A kept public key is not what its row says: the row was changed.")


def verify_signature(
    key: PublicKey, scheme: SignatureAlgorithm, data: bytes, signature: bytes, *, is_digest: bool
) -> None:
    """Return if the signature is the key's over this message or digest; PSS salts may have any length.

    Raises SignatureRefusedError, and ValueError if the scheme is of another kind of key.
    """
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _padding(scheme, verifies=True), _hash(scheme, is_digest))
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(_hash(scheme, is_digest)))
        elif isinstance(key, ed25519.Ed25519PublicKey) and scheme is SignatureAlgorithm.ED25519:
            key.verify(signature, data)
        else:
            raise ValueError("the key does not sign by this scheme")
    except InvalidSignature:
        raise SignatureRefusedError from None


def _sign(signer: Signer, scheme: SignatureAlgorithm, data: bytes, is_digest: bool) -> bytes:
    key = signer.certificate_key
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, _padding(scheme, verifies=False), _hash(scheme, is_digest))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(_hash(scheme, is_digest)))
    if isinstance(key, ed25519.Ed25519PrivateKey) and scheme is SignatureAlgorithm.ED25519:
        return key.sign(data)
    raise ValueError("the key does not sign by this scheme")


def _hash(scheme: SignatureAlgorithm, is_digest: bool) -> Prehashed | hashes.HashAlgorithm:
    found = _HASHES[scheme.value[-7:]]
    return Prehashed(found) if is_digest else found


def _padding(scheme: SignatureAlgorithm, *, verifies: bool) -> padding.AsymmetricPadding:
    if scheme.value.startswith(_PKCS1):
        return padding.PKCS1v15()
    if not scheme.value.startswith(_PSS):
        raise ValueError("RSA keys do not sign by this scheme")
    length = padding.PSS.AUTO if verifies else padding.PSS.DIGEST_LENGTH
    return padding.PSS(padding.MGF1(_HASHES[scheme.value[-7:]]), length)
