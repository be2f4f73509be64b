"""SSH authorities: a key that vouches for users, or one that vouches for hosts, never one for both."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.tenancy import Tenant
from ssh_ca.certificates import CertificateType


class AuthorityStatus(StrEnum):
    """Whether an authority signs."""

    ACTIVE = "active"
    DISABLED = "disabled"


class SshAuthority(Struct, frozen=True, kw_only=True):
    """An authority. `public_key` is its key in wire format; `version` rises with every change of the row."""

    id: str
    tenant: Tenant
    name: str
    type: CertificateType
    key_id: str
    key_algorithm: KeyAlgorithm
    public_key: bytes
    status: AuthorityStatus
    created_at: datetime
    version: int
