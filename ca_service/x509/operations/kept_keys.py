"""What can be asked about the keys that are kept for their owners."""

from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.certificates import Certificate


class RevealedKey(Struct, frozen=True, kw_only=True):
    """A kept key in PKCS #8 PEM, and as PKCS #12 where a password for it was given."""

    certificate: Certificate
    certificate_pem: str
    chain_pem: tuple[str, ...]
    private_key: SecretValue[str]
    pkcs12: SecretValue[bytes] | None = None


class ReadKeptKey(ProjectOperation[RevealedKey], frozen=True, kw_only=True):
    """Read the private key that is kept for a certificate.

    It is opened only once that is permitted, and leaves after its line of the trail is durable.
    """

    action: ClassVar[str] = "x509:read-key"

    certificate: str
    pkcs12_password: SecretValue[str] | None = None
