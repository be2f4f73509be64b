"""Keys for external account binding: who opens accounts for which identity (RFC 8555 section 7.3.4)."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

from msgspec import Struct

from acme.directories import DirectoryId
from ca_service.kernel.tenancy import Tenant

ExternalKeyId = NewType("ExternalKeyId", str)

#: Octets of a HMAC key: as many as HS512 asks for (RFC 7518 section 3.2).
HMAC_KEY_SIZE = 64
MAXIMUM_USES = 1_000_000


class ExternalKeyStatus(StrEnum):
    """What a key may still do: only an active one binds new accounts, a disabled one stops those it bound."""

    ACTIVE = "active"
    USED_UP = "used-up"
    EXPIRED = "expired"
    DISABLED = "disabled"


class ExternalKey(Struct, frozen=True, kw_only=True):
    """One key of one directory, bound to an identity. `maximum_uses` None: any number of accounts."""

    id: ExternalKeyId
    tenant: Tenant
    directory: DirectoryId
    name: str
    identity: str
    sealed_key: bytes
    maximum_uses: int | None
    uses: int
    created_at: datetime
    expires_at: datetime | None
    disabled_at: datetime | None = None

    def status_at(self, now: datetime) -> ExternalKeyStatus:
        """Return the status that the facts amount to at `now`."""
        if self.disabled_at is not None:
            return ExternalKeyStatus.DISABLED
        if self.expires_at is not None and now >= self.expires_at:
            return ExternalKeyStatus.EXPIRED
        if self.maximum_uses is not None and self.uses >= self.maximum_uses:
            return ExternalKeyStatus.USED_UP
        return ExternalKeyStatus.ACTIVE


class ExternalKeyView(Struct, frozen=True):
    """A key with its status at the moment of the answer."""

    key: ExternalKey
    status: ExternalKeyStatus


def view_key(key: ExternalKey, now: datetime) -> ExternalKeyView:
    """Return a key as it is at `now`."""
    return ExternalKeyView(key, key.status_at(now))
