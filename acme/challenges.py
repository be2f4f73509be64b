"""Challenges: what a client has to show, and what came of it (RFC 8555 sections 7.1.5 and 8)."""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from msgspec import Struct

from acme.accounts import AccountId
from acme.directories import DirectoryId
from acme.identifiers import Identifier
from acme.wire import base64url
from ca_service.kernel.tenancy import Tenant

ChallengeId = NewType("ChallengeId", str)

#: How long to wait before each further attempt; after the last one the challenge has failed.
RETRY_DELAYS = (timedelta(seconds=2), timedelta(seconds=8))


class ChallengeType(StrEnum):
    """The ways to prove control that this server knows."""

    HTTP_01 = "http-01"
    DNS_01 = "dns-01"
    TLS_ALPN_01 = "tls-alpn-01"


class ChallengeStatus(StrEnum):
    """RFC 8555 section 7.1.6."""

    PENDING = "pending"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class ChallengeFailure(Struct, frozen=True):
    """Why a validation failed: the type without its URN prefix, and a sentence for people."""

    type: str
    detail: str


class Challenge(Struct, frozen=True):
    """One challenge of one authorization.

    `key_authorization` is fixed when the client responds, so that a key change in between proves nothing.
    `trouble` is what came of the last look if that will be tried again (RFC 8555 section 8.2).
    """

    id: ChallengeId
    tenant: Tenant
    directory: DirectoryId
    account: AccountId
    authorization: str
    identifier: Identifier
    type: ChallengeType
    token: str
    responded_at: datetime | None = None
    key_authorization: str | None = None
    attempts: int = 0
    validated_at: datetime | None = None
    failure: ChallengeFailure | None = None
    trouble: ChallengeFailure | None = None

    @property
    def status(self) -> ChallengeStatus:
        """Return the status that the facts amount to."""
        if self.validated_at is not None:
            return ChallengeStatus.VALID
        if self.failure is not None:
            return ChallengeStatus.INVALID
        return ChallengeStatus.PENDING if self.responded_at is None else ChallengeStatus.PROCESSING


def offered_for(
    identifier: Identifier, is_wildcard: bool, allowed: Collection[str] | None
) -> tuple[ChallengeType, ...]:
    """Return the challenges that may prove an identifier, of those that are `allowed` (None: all).

    A wildcard takes dns-01 alone (RFC 8555 section 7.1.3), an address everything but it (RFC 8738 section 7).
    """
    if identifier.type == "ip":
        possible: tuple[ChallengeType, ...] = (ChallengeType.HTTP_01, ChallengeType.TLS_ALPN_01)
    elif is_wildcard:
        possible = (ChallengeType.DNS_01,)
    else:
        possible = tuple(ChallengeType)
    return tuple(type_ for type_ in possible if allowed is None or type_.value in allowed)


def key_authorization(token: str, thumbprint: str) -> str:
    """Return what proves that the account's key answers this token (RFC 8555 section 8.1)."""
    return f"{token}.{thumbprint}"


def digest_of(authorization: str) -> str:
    """Return the key authorization as it stands in a TXT record (RFC 8555 section 8.4)."""
    return base64url.encode(hashlib.sha256(authorization.encode("ascii")).digest())


class Validation(Struct, frozen=True):
    """A challenge with what its authorization says of it.

    `obstacle` is why the authorization waits for no proof any more (`expired`, say), None if it does.
    """

    challenge: Challenge
    is_wildcard: bool
    obstacle: str | None = None


def seconds_until_answer(challenge: Challenge) -> int:
    """Return when it makes sense to ask for a processing challenge again: after the next look at it."""
    delay = None if challenge.trouble is None else retry_delay(challenge.attempts)
    return 1 if delay is None else int(delay.total_seconds()) + 1


def retry_delay(attempts: int) -> timedelta | None:
    """Return how long to wait after `attempts` transient failures; None means give up."""
    return RETRY_DELAYS[max(attempts, 1) - 1] if attempts <= len(RETRY_DELAYS) else None
