"""Fresh private keys: made here, handed out once if the client asked for a key, sealed, or forgotten."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from ca_service.custody.algorithms import RSA_BITS, KeyAlgorithm
from ca_service.custody.errors import KeyStaysError
from ca_service.custody.pkcs12 import pkcs12_of
from ca_service.custody.signers import Signer
from ca_service.custody.stores import DATABASE
from ca_service.custody.threads import SigningThreads
from ca_service.custody.withheld_keys import PrivateKey, PublicKey
from ca_service.kernel.secret_value import SecretValue

_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.EC_P256: ec.SECP256R1(),
    KeyAlgorithm.EC_P384: ec.SECP384R1(),
    KeyAlgorithm.EC_P521: ec.SECP521R1(),
}


class GeneratedKey:
    """A private key that was just made and is not kept yet.

    In the store `database` it exists in memory only, until custody seals it or its owner receives it. In
    another store the key stays there, and what is sealed is `handle`, the words by which it is found again.
    """

    __slots__ = ("_handle", "_key", "_threads", "algorithm", "public_key", "store")

    algorithm: KeyAlgorithm
    public_key: PublicKey
    store: str

    def __init__(
        self,
        algorithm: KeyAlgorithm,
        key: PrivateKey,
        *,
        store: str = DATABASE,
        handle: bytes | None = None,
        threads: SigningThreads | None = None,
    ) -> None:
        self.algorithm = algorithm
        self.store = store
        self._key = key
        self._handle = handle
        self._threads = threads
        self.public_key = key.public_key()

    def __repr__(self) -> str:
        return f"GeneratedKey({self.algorithm}, hidden)"

    @property
    def certificate_key(self) -> PrivateKey:
        """Return the key for the builders of `cryptography.x509`; it only signs."""
        return self.signer("").certificate_key

    def signer(self, key_id: str) -> Signer:
        """Return a signer of this key under the id it will be kept by."""
        return Signer(key_id, self.algorithm, self._key, store=self.store, threads=self._threads)

    def kept_form(self) -> SecretValue[bytes]:
        """Return what custody seals: the key itself, or where its store finds it."""
        return self.pkcs8_der() if self._handle is None else SecretValue(self._handle)

    def pkcs8_pem(self) -> SecretValue[str]:
        """Return the key for its one rightful receiver (RFC 5958, RFC 7468 section 10; ML-DSA as its seed).

        Raises KeyStaysError for a key that its store does not give out.
        """
        return SecretValue(self._pem(serialization.PrivateFormat.PKCS8))

    def openssh_pem(self) -> SecretValue[str]:
        """Return the key for its one rightful receiver in the format of `ssh-keygen`.

        Raises KeyStaysError.
        """
        return SecretValue(self._pem(serialization.PrivateFormat.OpenSSH))

    def pkcs12(
        self, certificate_der: bytes, chain_pem: tuple[str, ...], password: SecretValue[str]
    ) -> SecretValue[bytes]:
        """Return the key for its one rightful receiver, with its certificate; takes tens of milliseconds."""
        return pkcs12_of(self._key, certificate_der, chain_pem, password)

    def pkcs8_der(self) -> SecretValue[bytes]:
        """Return the key as PKCS #8, ML-DSA as its seed (RFC 9881 section 6). Raises KeyStaysError."""
        return SecretValue(self._encoded(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8))

    def _pem(self, form: serialization.PrivateFormat) -> str:
        return self._encoded(serialization.Encoding.PEM, form).decode("ascii")

    def _encoded(self, encoding: serialization.Encoding, form: serialization.PrivateFormat) -> bytes:
        if self._handle is not None:
            raise KeyStaysError(self.store)
        return self._key.private_bytes(encoding, form, serialization.NoEncryption())


def generate_key(algorithm: KeyAlgorithm) -> GeneratedKey:
    """Return a fresh key. RSA takes from tens of milliseconds to seconds: call it in a thread."""
    return GeneratedKey(algorithm, _generate(algorithm))


def _generate(algorithm: KeyAlgorithm) -> PrivateKey:
    match algorithm:
        case KeyAlgorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeyAlgorithm.ML_DSA_44:
            return mldsa.MLDSA44PrivateKey.generate()
        case KeyAlgorithm.ML_DSA_65:
            return mldsa.MLDSA65PrivateKey.generate()
        case KeyAlgorithm.ML_DSA_87:
            return mldsa.MLDSA87PrivateKey.generate()
    if algorithm.is_rsa:
        return rsa.generate_private_key(65537, RSA_BITS[algorithm])
    return ec.generate_private_key(_CURVES[algorithm])


def load_private_key(pkcs8: SecretValue[bytes]) -> PrivateKey:
    """Return the key of a PKCS #8 document that custody itself wrote. Raises ValueError or TypeError."""
    # The seal says that it is what was written. To look at the primes again would hold the whole process,
    # threads or not, for tenths of a second at 4096 bits.
    key = serialization.load_der_private_key(pkcs8.reveal(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise TypeError(f"custody does not keep keys of {type(key).__name__}")
    return key
