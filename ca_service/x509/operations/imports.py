"""What can be asked about certificates that others issued."""

from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.imports import ImportedCertificate


class ListedImport(Struct, frozen=True, kw_only=True):
    """An imported certificate as the inventory shows it."""

    certificate: ImportedCertificate
    status: CertificateStatus
    certificate_pem: str
    chain_pem: tuple[str, ...]


class ImportOutcome(Struct, frozen=True, kw_only=True):
    """What came of an import. `is_own`: one of our authorities issued it, and it can be revoked here."""

    id: str
    status: CertificateStatus
    is_own: bool


class ImportCertificate(ProjectOperation[ImportOutcome], frozen=True, kw_only=True):
    """Take a certificate into the inventory that was issued elsewhere, or by us and lost since.

    `chain_pem` is issuer first. Without a chain to a self-signed end the certificate is `unverified`.
    """

    action: ClassVar[str] = "x509:import"
    idempotent: ClassVar[bool] = True

    certificate_pem: str
    chain_pem: tuple[str, ...] = ()


class ReadImport(ProjectOperation[ListedImport], frozen=True, kw_only=True):
    """Read one imported certificate."""

    action: ClassVar[str] = "x509:read"
    reads: ClassVar[bool] = True

    certificate: str
