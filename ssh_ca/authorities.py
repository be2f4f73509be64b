"""SSH authorities: a key that vouches for users, or one that vouches for hosts, never one for both."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.tenancy import Tenant
from ssh_ca.certificates import CertificateType


class AuthorityStatus(StrEnum):
    """Where an authority stands in its life; only an active one signs.

    A rotation goes `published` (hosts and clients learn the key) → `active` → `retiring` (what it signed is
    still trusted) → `retired` (its key is published no more). `disabled` is what a revocation makes of it.
    """

    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    DISABLED = "disabled"

    @property
    def is_trusted(self) -> bool:
        """Tell an authority whose key is published, so that hosts or clients trust what it signed."""
        return self in _TRUSTED


_TRUSTED = frozenset({AuthorityStatus.PUBLISHED, AuthorityStatus.ACTIVE, AuthorityStatus.RETIRING})


class SshAuthority(Struct, frozen=True, kw_only=True):
    """An authority. `public_key` is its key in wire format; `version` rises with every change of the row.

    `succeeds` is the id of the authority that this one was made to follow; `status_since` is None for what
    was made before that was written down.
    """

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
    succeeds: str | None = None
    status_since: datetime | None = None
