"""Which public keys are certified: fixed sizes and curves, and no key that is known to be weak.

Sources: CA/Browser Forum Baseline Requirements 6.1.5 and 6.1.6, RFC 8017 section 3.1, S8.
"""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from ca_service.custody.algorithms import RSA_BITS, KeyAlgorithm
from ca_service.x509.errors import CsrRefusedError
from ca_service.x509.weak_keys import has_close_primes, has_small_factor, is_roca

#: What an error tells to use instead.
CERTIFIED = "RSA, EC P-256, P-384, P-521, Ed25519 or ML-DSA"

_RSA_SIZES = {bits: algorithm for algorithm, bits in RSA_BITS.items()}
_CURVES = {
    "secp256r1": KeyAlgorithm.EC_P256,
    "secp384r1": KeyAlgorithm.EC_P384,
    "secp521r1": KeyAlgorithm.EC_P521,
}
_WITHOUT_PARAMETERS: tuple[tuple[type, KeyAlgorithm], ...] = (
    (ed25519.Ed25519PublicKey, KeyAlgorithm.ED25519),
    (mldsa.MLDSA44PublicKey, KeyAlgorithm.ML_DSA_44),
    (mldsa.MLDSA65PublicKey, KeyAlgorithm.ML_DSA_65),
    (mldsa.MLDSA87PublicKey, KeyAlgorithm.ML_DSA_87),
)


def parse_key_algorithm(key: object, *, field: str | None = None) -> KeyAlgorithm:
    """Return the algorithm of a public key that may be certified. Raises CsrRefusedError for all others."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        algorithm = _CURVES.get(key.curve.name)
        if algorithm is None:
            detail = f"The curve {key.curve.name} is not certified; use P-256, P-384 or P-521."
            raise CsrRefusedError(detail, field=field, rule="key-curve")
        return algorithm
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa_algorithm(key, field)
    for type_, algorithm in _WITHOUT_PARAMETERS:
        if isinstance(key, type_):
            return algorithm
    detail = f"Keys of this type are not certified; use {CERTIFIED}."
    raise CsrRefusedError(detail, field=field, rule="key-type")


def _rsa_algorithm(key: rsa.RSAPublicKey, field: str | None) -> KeyAlgorithm:
    algorithm = _RSA_SIZES.get(key.key_size)
    if algorithm is None:
        detail = f"The RSA key has {key.key_size} bits; use 2048, 3072 or 4096."
        raise CsrRefusedError(detail, field=field, rule="rsa-size")
    numbers = key.public_numbers()
    if numbers.e % 2 == 0 or not 65537 <= numbers.e < 1 << 32:
        detail = "The RSA exponent is not odd and between 65537 and 2^32; make a key with exponent 65537."
        raise CsrRefusedError(detail, field=field, rule="rsa-exponent")
    if has_small_factor(numbers.n):
        detail = "The RSA modulus has a small factor; the key is broken, make another."
        raise CsrRefusedError(detail, field=field, rule="rsa-modulus")
    if is_roca(numbers.n):
        detail = "The RSA key was made by a broken library (ROCA, CVE-2017-15361); make another elsewhere."
        raise CsrRefusedError(detail, field=field, rule="rsa-roca")
    if has_close_primes(numbers.n):
        detail = "The two primes of the RSA key lie too close to each other (Fermat); make another."
        raise CsrRefusedError(detail, field=field, rule="rsa-close-primes")
    return algorithm
