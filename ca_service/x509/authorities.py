"""An authority: a key that signs certificates, and the certificate that says so."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.tenancy import Tenant

#: A root lives 10 years, an issuing authority 5, and never past its issuer (S18).
ROOT_LIFETIME = timedelta(days=3652)
ISSUING_LIFETIME = timedelta(days=1826)


class AuthorityStatus(StrEnum):
    """Whether it issues; a disabled authority still revokes and publishes."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Authority(Struct, frozen=True, kw_only=True):
    """One authority. `id` stays the same while the key does; `version` counts every change.

    `parent` is the id of the authority that signed it; None for a self-signed root.
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

    @property
    def is_root(self) -> bool:
        """Tell a self-signed authority, which signs authorities and no leaves."""
        return self.parent is None
