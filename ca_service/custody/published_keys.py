"""Private keys that everybody has: read for the one thing they prove, that their public key is worthless."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ca_service.kernel.errors import MalformedError
from ca_service.kernel.secret_value import SecretValue

_LIMIT = 32 * 1024


def public_half(private_key: SecretValue[str], *, field: str) -> PublicKeyTypes:
    """Return the public key of a private one in PEM without a passphrase.

    The two belong together: nobody has another's key blocked with a key of their own. Raises MalformedError.
    """
    text = private_key.reveal()
    try:
        if len(text) > _LIMIT:
            raise ValueError("too long")
        key = load_pem_private_key(text.encode("ascii"), None, unsafe_skip_rsa_key_validation=True)
        _verify_halves(key)
        return key.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # No cause: the library's own error may quote what it read.
        detail = "The private key is not one PEM block without a passphrase (RFC 5958, RFC 7468 section 10)."
        raise MalformedError(detail, field=field, rule="private-key") from None


def _verify_halves(key: PrivateKeyTypes) -> None:
    """Refuse an RSA key that does not factor its modulus. Raises ValueError.

    Of other kinds the library itself finds out. Of RSA it would test the primes, and hold the whole process
    for as long as that takes: seconds at 8192 bits. Whoever knows two factors knows the key.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        modulus = numbers.public_numbers.n
        if not 1 < numbers.p < modulus or numbers.p * numbers.q != modulus:
            raise ValueError("the primes are not those of the modulus")
