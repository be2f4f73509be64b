"""Fresh private keys: made here, handed out once if the client asked for a key, sealed, or forgotten."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca_service.custody.algorithms import RSA_BITS, KeyAlgorithm
from ca_service.custody.signers import Signer
from ca_service.custody.withheld_keys import PrivateKey, PublicKey
from ca_service.kernel.secret_value import SecretValue

_CURVES: dict[KeyAlgorithm, ec.EllipticCurve] = {
    KeyAlgorithm.EC_P256: ec.SECP256R1(),
    KeyAlgorithm.EC_P384: ec.SECP384R1(),
    KeyAlgorithm.EC_P521: ec.SECP521R1(),
}


class GeneratedKey:
    """A private key that exists in memory only, until custody seals it or its owner receives it."""

    __slots__ = ("_key", "algorithm", "public_key")

    algorithm: KeyAlgorithm
    public_key: PublicKey

    def __init__(self, algorithm: KeyAlgorithm, key: PrivateKey) -> None:
        self.algorithm = algorithm
        self._key = key
        self.public_key = key.public_key()

    def __repr__(self) -> str:
        return f"GeneratedKey({self.algorithm}, hidden)"

    @property
    def certificate_key(self) -> PrivateKey:
        """Return the key for the builders of `cryptography.x509`; it only signs."""
        return self.signer("").certificate_key

    def signer(self, key_id: str) -> Signer:
        """Return a signer of this key under the id it will be kept by."""
        return Signer(key_id, self.algorithm, self._key)

    def pkcs8_pem(self) -> SecretValue[str]:
        """Return the key for its one rightful receiver (RFC 5958, RFC 7468 section 10)."""
        return SecretValue(self._pem(serialization.PrivateFormat.PKCS8))

    def openssh_pem(self) -> SecretValue[str]:
        """Return the key for its one rightful receiver in the format of `ssh-keygen`."""
        return SecretValue(self._pem(serialization.PrivateFormat.OpenSSH))

    def pkcs8_der(self) -> SecretValue[bytes]:
        """Return the key as custody seals it."""
        return SecretValue(
            self._key.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def _pem(self, form: serialization.PrivateFormat) -> str:
        raw = self._key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        return raw.decode("ascii")


def generate_key(algorithm: KeyAlgorithm) -> GeneratedKey:
    """Return a fresh key. RSA takes from tens of milliseconds to seconds: call it in a thread."""
    if algorithm is KeyAlgorithm.ED25519:
        return GeneratedKey(algorithm, ed25519.Ed25519PrivateKey.generate())
    if algorithm.is_rsa:
        return GeneratedKey(algorithm, rsa.generate_private_key(65537, RSA_BITS[algorithm]))
    return GeneratedKey(algorithm, ec.generate_private_key(_CURVES[algorithm]))


def load_private_key(pkcs8: SecretValue[bytes]) -> PrivateKey:
    """Return the key of a PKCS #8 document that custody itself wrote."""
    key = serialization.load_der_private_key(pkcs8.reveal(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise TypeError(f"custody does not keep keys of {type(key).__name__}")
    return key
