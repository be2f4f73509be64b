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
    def proof(self) -> Challenge | None:
        """Return the challenge that was met, if one was."""
        met = [challenge for challenge in self.challenges if challenge.status is ChallengeStatus.VALID]
        return met[0] if met else None

    @property
    def failure(self) -> ChallengeFailure | None:
        """Return why the authorization is invalid, if a challenge failed."""
        failures = [challenge.failure for challenge in self.challenges if challenge.failure is not None]
        return failures[0] if failures else None

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
