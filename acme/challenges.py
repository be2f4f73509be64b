"""Challenges: what a client has to show, and what came of it (RFC 8555 sections 7.1.5 and 8)."""

import hashlib
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

    @property
    def status(self) -> ChallengeStatus:
        """Return the status that the facts amount to."""
        if self.validated_at is not None:
            return ChallengeStatus.VALID
        if self.failure is not None:
            return ChallengeStatus.INVALID
        return ChallengeStatus.PENDING if self.responded_at is None else ChallengeStatus.PROCESSING


def key_authorization(token: str, thumbprint: str) -> str:
    """Return what proves that the account's key answers this token (RFC 8555 section 8.1)."""
    return f"{token}.{thumbprint}"


def digest_of(authorization: str) -> str:
    """Return the key authorization as it stands in a TXT record (RFC 8555 section 8.4)."""
    return base64url.encode(hashlib.sha256(authorization.encode("ascii")).digest())


def retry_delay(attempts: int) -> timedelta | None:
    """Return how long to wait after `attempts` transient failures; None means give up."""
    return RETRY_DELAYS[attempts - 1] if attempts <= len(RETRY_DELAYS) else None
