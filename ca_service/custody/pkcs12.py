"""A fresh key with its certificate as one PKCS #12 file (RFC 7292), protected as RFC 8018 says it today.

AES-256-CBC under PBES2 with PBKDF2-HMAC-SHA-256, and an HMAC-SHA-256 over the whole; OpenSSL 3 reads it
without its legacy provider.
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ca_service.custody.errors import KeyFormatError
from ca_service.custody.withheld_keys import LatticePrivateKey, PrivateKey
from ca_service.kernel.secret_value import SecretValue

#: PBKDF2 rounds, for the key and for the MAC: tens of milliseconds, so call this in a thread.
_ROUNDS = 100_000


def pkcs12_of(
    key: PrivateKey, certificate_der: bytes, chain_pem: tuple[str, ...], password: SecretValue[str]
) -> SecretValue[bytes]:
    """Return the file. Raises KeyFormatError for a key that PKCS #12 cannot hold here."""
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.reveal().encode())
    )
    certificate = x509.load_der_x509_certificate(certificate_der)
    chain = [x509.load_pem_x509_certificate(pem.encode("ascii")) for pem in chain_pem]
    try:
        if isinstance(key, LatticePrivateKey):
            raise TypeError("cryptography writes no ML-DSA key into PKCS #12")
        made = pkcs12.serialize_key_and_certificates(None, key, certificate, chain, encryption)
    except (TypeError, ValueError) as error:
        raise KeyFormatError(
            "A key of this algorithm has no place in a PKCS #12 file; leave the password out and take PEM.",
            field="pkcs12_password",
            rule="pkcs12-key",
        ) from error
    return SecretValue(made)
