"""Everything that can be asked of the certificate authority, and what it answers."""

from ca_service.x509.operations.authorities import (
    CreateAuthority,
    DescribedAuthority,
    ListAuthorities,
    ReadAuthority,
    UpdateAuthority,
)
from ca_service.x509.operations.certificates import (
    CertificateFilter,
    CertificatePage,
    CertificateRequest,
    CsrRequest,
    IssueCertificate,
    IssuedCertificate,
    KeyRequest,
    ListCertificates,
    ListedCertificate,
    NameProof,
    PublicKeyRequest,
    ReadCertificate,
    RenewCertificate,
    RevokeCertificate,
)
from ca_service.x509.operations.profiles import (
    CreateProfile,
    ListProfiles,
    ProfileChanges,
    ReadProfile,
    UpdateProfile,
)
from ca_service.x509.operations.revocation_lists import PublishedRevocationList, PublishRevocationList

__all__ = [
    "CertificateFilter",
    "CertificatePage",
    "CertificateRequest",
    "CreateAuthority",
    "CreateProfile",
    "CsrRequest",
    "DescribedAuthority",
    "IssueCertificate",
    "IssuedCertificate",
    "KeyRequest",
    "ListAuthorities",
    "ListCertificates",
    "ListProfiles",
    "ListedCertificate",
    "NameProof",
    "ProfileChanges",
    "PublicKeyRequest",
    "PublishRevocationList",
    "PublishedRevocationList",
    "ReadAuthority",
    "ReadCertificate",
    "ReadProfile",
    "RenewCertificate",
    "RevokeCertificate",
    "UpdateAuthority",
    "UpdateProfile",
]
