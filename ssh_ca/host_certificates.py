"""X.509 certificates of ours by which hosts are enrolled: found by their bytes, proved by their key."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.database.port import Database
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.certificates import Certificate, CertificateStatus, serial_text
from ca_service.x509.inventory import InventoryQuery
from ca_service.x509.storage.certificates import find_certificate
from ca_service.x509.storage.inventory import search_certificates
from ssh_ca.errors import HostUnknownError

_LONGEST = 65536


async def verify_holder(
    database: Database, tenant: Tenant, pem: str, message: bytes, signature: bytes
) -> Certificate:
    """Return the certificate of our inventory that `pem` is, once its key has signed the message.

    EC and RSA (PKCS #1 v1.5) sign with SHA-256, Ed25519 by itself, as `openssl pkeyutl -rawin` does. Raises
    HostUnknownError, also for a certificate that expired or was revoked.
    """
    if len(pem) > _LONGEST:
        raise HostUnknownError
    try:
        shown = x509.load_pem_x509_certificate(pem.encode("utf-8", "replace"))
        certificate = await _issued(database, tenant, shown)
        if certificate is None or certificate.status(database.now()) is not CertificateStatus.VALID:
            raise HostUnknownError
        _verify(shown, message, signature)
    except (ValueError, InvalidSignature):
        raise HostUnknownError from None
    return certificate


async def find_holder(database: Database, tenant: Tenant, certificate_id: str) -> Certificate | None:
    """Return the certificate of this id, if it is still good."""
    found = await find_certificate(database, tenant, certificate_id)
    return found if found is not None and found.status(database.now()) is CertificateStatus.VALID else None


async def _issued(database: Database, tenant: Tenant, shown: x509.Certificate) -> Certificate | None:
    der = shown.public_bytes(Encoding.DER)
    query = InventoryQuery(serial_number=serial_text(shown.serial_number), now=database.now())
    found = await search_certificates(database, tenant, query, most=10)
    return next((each for each in found if each.der == der), None)


def _verify(shown: x509.Certificate, message: bytes, signature: bytes) -> None:
    key = shown.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    else:
        raise HostUnknownError
