"""An authority: a key that signs certificates, and the certificate that says so."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.tenancy import Tenant

#: A root lives 10 years, an issuing authority 5, and never past its issuer (S18).
ROOT_LIFETIME = timedelta(days=3652)
ISSUING_LIFETIME = timedelta(days=1826)
#: How many authorities may stand above another.
DEEPEST = 16
#: What stands in the inventory where other certificates have the name of their profile. No profile can be
#: named so: certificates of authorities come from operations of authorities alone.
AUTHORITY_PROFILE = "@authority"


class AuthorityStatus(StrEnum):
    """Whether it issues; only an active authority does. All that have a certificate publish CRL and OCSP.

    `pending` waits for a certificate from an external parent; `prepared` is a successor that is published and
    not yet switched to; `disabled` can be enabled again, `retired` cannot.
    """

    ACTIVE = "active"
    DISABLED = "disabled"
    PENDING = "pending"
    PREPARED = "prepared"
    RETIRED = "retired"


class Authority(Struct, frozen=True, kw_only=True):
    """One authority. `id` stays the same while the key does; `version` counts every change.

    `version` also counts changes of what stands above it, so that a chain belongs to one version. `parent` is
    the id of the authority that signed it, None for a self-signed root and below an external parent; then
    `external_chain` is what stands above it, nearest first, as far as it is known. A pending authority has no
    certificate: no bytes, but `csr_der`, the request that is out. `predecessor` is the id of the authority
    that it succeeds or is to succeed.
    """

    id: str
    tenant: Tenant
    name: str
    parent: str | None
    key_id: str
    key_algorithm: KeyAlgorithm
    status: AuthorityStatus
    certificate_der: bytes
    not_before: datetime
    not_after: datetime
    created_at: datetime
    version: int
    external_chain: tuple[bytes, ...] | None = None
    predecessor: str | None = None
    csr_der: bytes | None = None

    @property
    def is_root(self) -> bool:
        """Tell a self-signed authority, which signs authorities and no leaves."""
        return self.parent is None and self.external_chain is None

    @property
    def is_pending(self) -> bool:
        """Tell an authority that has a key and no certificate yet."""
        return self.status is AuthorityStatus.PENDING


class CrossCertificate(Struct, frozen=True, kw_only=True):
    """Another certificate for the key and name of an authority, by another issuer (RFC 4210 section 4.4).

    `issuer` is the id of the authority that signed it; None for an external one, and then `external_chain` is
    what stands above it. `certificate` is its id in the inventory of the issuer, if that is one of ours.
    """

    id: str
    tenant: Tenant
    authority_id: str
    issuer: str | None
    certificate: str | None
    der: bytes
    external_chain: tuple[bytes, ...]
    created_at: datetime
