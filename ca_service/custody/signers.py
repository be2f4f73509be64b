"""Signers: what everyone outside custody receives instead of a private key."""

import hashlib
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ca_service.custody.algorithms import EC_HASHES, KeyAlgorithm
from ca_service.custody.stores import DATABASE
from ca_service.custody.threads import SigningThreads
from ca_service.custody.withheld_keys import PrivateKey, PublicKey, withhold

P = ParamSpec("P")
T = TypeVar("T")

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
#: Where slow keys sign that custody holds itself. Two at once: more would only take time from one another.
_SLOW_KEYS = SigningThreads("the signature of a slow key", at_once=2)


class Signer:
    """Signs with one key. Safe to share between tasks and threads."""

    __slots__ = (
        "_key",
        "_threads",
        "algorithm",
        "certificate_key",
        "is_slow",
        "key_id",
        "public_key",
        "store",
    )

    key_id: str
    algorithm: KeyAlgorithm
    public_key: PublicKey
    #: The key store it lies in.
    store: str
    #: Tell a key whose signatures would stop the event loop: they belong into `in_turn`.
    is_slow: bool
    #: A private key for the builders of `cryptography.x509`; it signs and withholds everything else.
    certificate_key: PrivateKey

    def __init__(
        self,
        key_id: str,
        algorithm: KeyAlgorithm,
        key: PrivateKey,
        *,
        store: str = DATABASE,
        threads: SigningThreads | None = None,
    ) -> None:
        """Sign with `key`; `threads` are those of the store it lies in, None for a key in memory."""
        self.key_id = key_id
        self.store = store
        self.algorithm = algorithm
        self.certificate_key = withhold(key)
        self.public_key = self.certificate_key.public_key()
        self._key = self.certificate_key
        self.is_slow = threads is not None or algorithm.is_slow
        self._threads = threads or _SLOW_KEYS

    def __repr__(self) -> str:
        return f"Signer({self.key_id}, {self.algorithm})"

    @property
    def certificate_hash(self) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
        """Return the hash to hand to a builder's `sign` beside `certificate_key`."""
        return certificate_hash(self.algorithm)

    async def in_turn(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work`, which signs with this key, returns: slow keys in a thread, the others here.

        Here they are faster. Raises UnavailableError if too many wait, KeyStoreUnavailableError if the key's
        store does not answer, and whatever `work` raises.
        """
        if self.is_slow:
            return await self._threads.run(work, *args, **kwargs)
        return work(*args, **kwargs)

    def sign(self, data: bytes, hash_name: str | None = None) -> bytes:
        """Return the signature of `data`: ECDSA in DER, RSA as PKCS #1 v1.5, Ed25519 and ML-DSA raw.

        The hash is SHA-256 for RSA and the curve's own for ECDSA unless `hash_name` (`sha256`, `sha384`,
        `sha512`) says otherwise. Raises ValueError for another hash, or for any hash with Ed25519 and
        ML-DSA. Raises KeyStoreUnavailableError if the key lies in a store that does not answer.
        """
        key = self._key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(_hash(hash_name or EC_HASHES[self.algorithm])))
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), _hash(hash_name or "sha256"))
        if hash_name is not None:
            raise ValueError(f"{self.algorithm} has its own hash")
        return key.sign(data)

    def sign_pieces(self, pieces: Sequence[bytes | memoryview]) -> bytes:
        """Return what `sign` returns for all pieces behind one another.

        ECDSA in memory does not copy them to one place first: a long list is tens of megabytes.
        """
        key = self._key
        if self.is_slow or not isinstance(key, ec.EllipticCurvePrivateKey):
            return self.sign(b"".join(pieces))
        name = EC_HASHES[self.algorithm]
        digest = hashlib.new(name)
        for piece in pieces:
            digest.update(piece)
        return key.sign(digest.digest(), ec.ECDSA(Prehashed(_hash(name))))


def certificate_hash(algorithm: KeyAlgorithm) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """Return the hash that certificates are signed with, None where the algorithm has its own.

    ML-DSA signs the message itself: HashML-DSA stands in no certificate (RFC 9881 section 8.3).
    """
    if algorithm.is_lattice:
        return None
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
