"""Access tokens as values: how long one lives, who may use it from where, and what renewing does."""

from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.identity.networks import admits
from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.tenancy import OrganizationId, ProjectId

#: The one identity that is not in the table of identities: whoever holds `DATA/admin-token`.
INSTANCE_ADMINISTRATOR = "instance-administrator"


class Token(Struct, frozen=True, kw_only=True):
    """A token as it is kept: never its text, only the keyed hash of it.

    `method` is the way it was obtained and `credential` the id of what proved it. None in `expires_at` and
    `max_expires_at`: it does not expire; in `uses_left`: unlimited.
    """

    id: str
    organization: OrganizationId | None
    project: ProjectId | None
    identity: str
    method: str
    credential: str
    tag: bytes
    created_at: datetime
    ttl: timedelta | None
    expires_at: datetime | None
    max_expires_at: datetime | None
    uses_left: int | None
    networks: tuple[str, ...]
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_usable(self, now: datetime) -> bool:
        """Tell whether the token opens anything at `now`."""
        if self.revoked_at is not None or self.uses_left == 0:
            return False
        return self.expires_at is None or now < self.expires_at

    def is_usable_from(self, address: str) -> bool:
        """Tell whether the token may be presented from this address."""
        return admits(self.networks, address)


def renewed_expiry(token: Token, now: datetime, asked: timedelta | None) -> datetime:
    """Return when the token ends if it is renewed now; never after its `max_expires_at`.

    Left out, the token's own ttl is taken and clamped. Raises UnacceptableError if `asked` goes too far.
    """
    if token.ttl is None or token.max_expires_at is None:
        raise UnacceptableError(
            "This token does not expire, so there is nothing to renew.", rule="does-not-expire"
        )
    remaining = token.max_expires_at - now
    if asked is not None and asked > remaining:
        raise UnacceptableError(
            f"This token can live {int(remaining.total_seconds())} more seconds; log in again for more.",
            field="ttl",
            rule="max_ttl",
        )
    return min(now + (asked or token.ttl), token.max_expires_at)
