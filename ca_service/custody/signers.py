"""Signers: what everyone outside custody receives instead of a private key."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ca_service.custody.algorithms import EC_HASHES, KeyAlgorithm
from ca_service.custody.withheld_keys import PrivateKey, PublicKey, withhold

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class Signer:
    """Signs with one key. Safe to share between tasks and threads."""

    __slots__ = ("_key", "algorithm", "certificate_key", "key_id", "public_key")

    key_id: str
    algorithm: KeyAlgorithm
    public_key: PublicKey
    #: A private key for the builders of `cryptography.x509`; it signs and withholds everything else.
    certificate_key: PrivateKey

    def __init__(self, key_id: str, algorithm: KeyAlgorithm, key: PrivateKey) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self.certificate_key = withhold(key)
        self.public_key = self.certificate_key.public_key()
        self._key = self.certificate_key

    def __repr__(self) -> str:
        return f"Signer({self.key_id}, {self.algorithm})"

    @property
    def is_slow(self) -> bool:
        """Tell a key whose signatures belong in a thread; the others are faster without one."""
        return self.algorithm.is_slow

    @property
    def certificate_hash(self) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
        """Return the hash to hand to a builder's `sign` beside `certificate_key`; None for Ed25519."""
        return certificate_hash(self.algorithm)

    def sign(self, data: bytes, hash_name: str | None = None) -> bytes:
        """Return the signature of `data`: ECDSA in DER, RSA as PKCS #1 v1.5, Ed25519 raw.

        The hash is SHA-256 for RSA and the curve's own for ECDSA unless `hash_name` (`sha256`, `sha384`,
        `sha512`) says otherwise. Raises ValueError for another hash, or for any hash with Ed25519.
        """
        key = self._key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(_hash(hash_name or EC_HASHES[self.algorithm])))
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), _hash(hash_name or "sha256"))
        if hash_name is not None:
            raise ValueError("Ed25519 has its own hash")
        return key.sign(data)


def certificate_hash(algorithm: KeyAlgorithm) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """Return the hash that certificates are signed with under a key of this algorithm; None for Ed25519."""
    match algorithm:
        case KeyAlgorithm.ED25519:
            return None
        case KeyAlgorithm.EC_P384:
            return hashes.SHA384()
        case KeyAlgorithm.EC_P521:
            return hashes.SHA512()
        case _:
            return hashes.SHA256()


def _hash(name: str) -> hashes.HashAlgorithm:
    try:
        return _HASHES[name]
    except KeyError:
        raise ValueError(f"custody does not sign with {name}") from None
