"""Authorizations: whether an account speaks for an identifier (RFC 8555 section 7.1.4)."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from msgspec import Struct

from acme.accounts import AccountId
from acme.challenges import Challenge, ChallengeFailure, ChallengeStatus
from acme.directories import DirectoryId
from acme.identifiers import Identifier
from ca_service.kernel.tenancy import Tenant

AuthorizationId = NewType("AuthorizationId", str)

PENDING_LIFETIME = timedelta(days=7)
#: How long after its proof an authorization serves further orders (S18).
REUSE = timedelta(hours=8)
#: What serves a new order must be good for at least this much longer.
LEAST_LIFE = timedelta(hours=1)


class AuthorizationStatus(StrEnum):
    """RFC 8555 section 7.1.6."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"


class Authorization(Struct, frozen=True):
    """One authorization with its challenges. `identifier` is the base name."""

    id: AuthorizationId
    tenant: Tenant
    directory: DirectoryId
    account: AccountId
    identifier: Identifier
    is_wildcard: bool
    created_at: datetime
    expires_at: datetime
    deactivated_at: datetime | None
    challenges: tuple[Challenge, ...]

    @property
    def ordered(self) -> Identifier:
        """Return the identifier as an order names it: a wildcard with its `*.`."""
        value = self.identifier.value
        return Identifier(self.identifier.type, f"*.{value}") if self.is_wildcard else self.identifier

    @property
    def proof(self) -> Challenge | None:
        """Return the challenge that was met, if one was."""
        met = [challenge for challenge in self.challenges if challenge.status is ChallengeStatus.VALID]
        return met[0] if met else None

    @property
    def failure(self) -> ChallengeFailure | None:
        """Return why the authorization is invalid, if a challenge failed."""
        failures = [challenge.failure for challenge in self.challenges if challenge.failure is not None]
        return failures[0] if failures else None

    def serves_at(self, now: datetime) -> bool:
        """Return whether a new order may rest on this proof: fresh enough, and good for a while yet."""
        proof = self.proof
        if proof is None or proof.validated_at is None or self.deactivated_at is not None:
            return False
        return now < proof.validated_at + REUSE and now + LEAST_LIFE <= self.expires_at

    def status_at(self, now: datetime) -> AuthorizationStatus:
        """Return the status that the facts amount to; a pending one that ran out of time is invalid."""
        if self.deactivated_at is not None:
            return AuthorizationStatus.DEACTIVATED
        has_expired = now >= self.expires_at
        if self.proof is not None:
            return AuthorizationStatus.EXPIRED if has_expired else AuthorizationStatus.VALID
        if has_expired or self.failure is not None:
            return AuthorizationStatus.INVALID
        return AuthorizationStatus.PENDING
