"""Machine identities and their client secrets as values."""

from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.identity.lockouts.lockouts import LockoutTerms, verify_lockout_terms
from ca_service.identity.networks import admits
from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.tenancy import OrganizationId, ProjectId

#: Stands in a tenant for what belongs to a whole organization.
NO_PROJECT = ProjectId("")


class TokenTerms(Struct, frozen=True, kw_only=True):
    """What tokens of an identity are like. None: the instance's default; no uses limit; any network.

    `lockout` says when its failed logins lock their source out.
    """

    ttl: timedelta | None = None
    max_ttl: timedelta | None = None
    uses: int | None = None
    networks: tuple[str, ...] = ()
    lockout: LockoutTerms | None = None


class MachineIdentity(Struct, frozen=True, kw_only=True):
    """A program that calls us. It lives in an organization, and may belong to one project of it."""

    id: str
    organization: OrganizationId
    project: ProjectId | None
    name: str
    terms: TokenTerms
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None
    deleted_at: datetime | None = None

    def is_active(self) -> bool:
        """Tell whether its tokens and secrets open anything."""
        return self.disabled_at is None and self.deleted_at is None


class ClientSecret(Struct, frozen=True, kw_only=True):
    """One secret of an identity, as it is kept: only the keyed hash of its text."""

    id: str
    organization: OrganizationId
    project: ProjectId | None
    identity: str
    description: str
    tag: bytes
    created_at: datetime
    expires_at: datetime | None
    uses_left: int | None
    networks: tuple[str, ...]
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_usable(self, now: datetime) -> bool:
        """Tell whether the secret logs anyone in at `now`."""
        if self.revoked_at is not None or self.uses_left == 0:
            return False
        return self.expires_at is None or now < self.expires_at

    def is_usable_from(self, address: str) -> bool:
        """Tell whether the secret may be presented from this address."""
        return admits(self.networks, address)


def verify_terms(terms: TokenTerms, ceiling: timedelta) -> None:
    """Return if the terms can be kept. Raises UnacceptableError naming the field."""
    for field, span in (("token_ttl", terms.ttl), ("token_max_ttl", terms.max_ttl)):
        if span is not None and not timedelta(0) < span <= ceiling:
            raise UnacceptableError(
                f"Between 1 and {int(ceiling.total_seconds())} seconds are allowed here.",
                field=field,
                rule="token_max_ttl",
            )
    if terms.ttl is not None and terms.max_ttl is not None and terms.ttl > terms.max_ttl:
        raise UnacceptableError(
            "The ttl cannot be longer than the max ttl.", field="token_ttl", rule="token_max_ttl"
        )
    verify_uses(terms.uses, field="token_uses")
    verify_lockout_terms(terms.lockout)


def verify_uses(uses: int | None, *, field: str) -> None:
    """Return if the limit is one. Raises UnacceptableError."""
    if uses is not None and not 1 <= uses <= 1_000_000_000:
        raise UnacceptableError("Give at least 1, or leave it out for no limit.", field=field, rule="range")
