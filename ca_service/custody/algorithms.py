"""The key algorithms that custody makes and signs with, by their names in our API."""

from enum import StrEnum


class KeyAlgorithm(StrEnum):
    """A key algorithm as bodies and profiles name it."""

    RSA_2048 = "RSA_2048"
    RSA_3072 = "RSA_3072"
    RSA_4096 = "RSA_4096"
    EC_P256 = "EC_P256"
    EC_P384 = "EC_P384"
    EC_P521 = "EC_P521"
    ED25519 = "ED25519"
    ML_DSA_44 = "ML_DSA_44"
    ML_DSA_65 = "ML_DSA_65"
    ML_DSA_87 = "ML_DSA_87"

    @property
    def is_rsa(self) -> bool:
        """Tell an RSA algorithm."""
        return self in RSA_BITS

    @property
    def is_elliptic(self) -> bool:
        """Tell an ECDSA algorithm (not Ed25519)."""
        return self in EC_HASHES

    @property
    def is_lattice(self) -> bool:
        """Tell an ML-DSA algorithm (FIPS 204)."""
        return self in _LATTICE

    @property
    def is_slow(self) -> bool:
        """Tell an algorithm whose signature takes so long that it belongs in a thread (over 0.6 ms)."""
        return self in _SLOW


RSA_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}

#: The hash each curve signs with: as strong as the curve (RFC 5758 section 3.2).
EC_HASHES = {
    KeyAlgorithm.EC_P256: "sha256",
    KeyAlgorithm.EC_P384: "sha384",
    KeyAlgorithm.EC_P521: "sha512",
}

_LATTICE = frozenset({KeyAlgorithm.ML_DSA_44, KeyAlgorithm.ML_DSA_65, KeyAlgorithm.ML_DSA_87})
_SLOW = _LATTICE | {KeyAlgorithm.RSA_3072, KeyAlgorithm.RSA_4096}

#: What the TLS and SSH programs of today know: everything but ML-DSA, which a profile has to name.
WIDELY_KNOWN = tuple(algorithm for algorithm in KeyAlgorithm if not algorithm.is_lattice)
