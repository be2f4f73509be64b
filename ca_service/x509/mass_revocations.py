"""Revoking everything of one identity, key, profile or authority: what is meant, and how far it came."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from ca_service.gate.principals import cedar_name
from ca_service.kernel.errors import ConflictError, MalformedError
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.values import Entity
from ca_service.x509.reasons import RevocationReason

TABLE = "x509_revocations"
JOB_KIND = "x509-revoke-many"
#: The system principal whose one right is to go on with what was asked for (S15).
REVOKER = "x509-revoke"
#: So many certificates stand in one transaction.
BATCH = 250
_ACCOUNT_MARK = "acc_"
_HEX = frozenset("0123456789abcdef")


class Selector(StrEnum):
    """What the certificates have in common."""

    IDENTITY = "identity"
    KEY = "key"
    PROFILE = "profile"
    AUTHORITY = "authority"


class CountChangedError(ConflictError):
    """There are more or fewer certificates now than were counted; nothing was revoked."""


class Selection(Struct, frozen=True):
    """Which certificates are meant. `value` is an owner's Cedar name, a key's hash, a name, an id."""

    selector: Selector
    value: str


class MassRevocation(Struct, frozen=True, kw_only=True):
    """One such revocation. `done` counts those that it revoked, `after_id` is the last one it looked at."""

    id: str
    tenant: Tenant
    selection: Selection
    reason: RevocationReason
    total: int
    done: int
    after_id: str
    asked_by: str
    created_at: datetime
    finished_at: datetime | None


class MassRevocationJob(Struct, frozen=True):
    """What the queue carries."""

    organization: OrganizationId
    project: ProjectId
    revocation: str


def encode_job(job: MassRevocationJob) -> bytes:
    """Return the job as the queue carries it."""
    return msgspec.json.encode(job)


def decode_job(payload: bytes) -> MassRevocationJob:
    """Return the job that the queue carried."""
    return msgspec.json.decode(payload, type=MassRevocationJob)


def owner_named(identity: str) -> str:
    """Return the owner that a certificate of this identity or ACME account has."""
    kind = "Acme::Account" if identity.startswith(_ACCOUNT_MARK) else "Identity"
    return cedar_name(Entity(kind, identity))


def parse_hash(text: str, *, field: str) -> bytes:
    """Return a SHA-256 written in hex; colons and upper case are forgiven. Raises MalformedError."""
    digits = text.replace(":", "").lower()
    if len(digits) != 64 or not _HEX.issuperset(digits):
        detail = "A SHA-256 is 64 hexadecimal digits."
        raise MalformedError(detail, field=field, rule="sha256")
    return bytes.fromhex(digits)
