"""What can be asked about revoking many certificates at once."""

from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.x509.mass_revocations import MassRevocation, Selector
from ca_service.x509.reasons import RevocationReason


class RevocationCount(Struct, frozen=True):
    """How many certificates would be revoked now."""

    selector: Selector
    value: str
    count: int


class CountRevocation(ProjectOperation[RevocationCount], frozen=True, kw_only=True):
    """Count the certificates of an identity, key, profile or authority that are neither revoked nor ended."""

    action: ClassVar[str] = "x509:revoke-many"
    reads: ClassVar[bool] = True

    selector: Selector
    value: str


class StartRevocation(ProjectOperation[MassRevocation], frozen=True, kw_only=True):
    """Revoke them all, in batches, if there are exactly as many as were counted."""

    action: ClassVar[str] = "x509:revoke-many"
    idempotent: ClassVar[bool] = True
    takes_away: ClassVar[bool] = True

    selector: Selector
    value: str
    expected_count: int
    reason: RevocationReason = RevocationReason.UNSPECIFIED


class ReadRevocation(ProjectOperation[MassRevocation], frozen=True, kw_only=True):
    """Read how far such a revocation came."""

    action: ClassVar[str] = "x509:revoke-many"
    reads: ClassVar[bool] = True

    revocation: str


class RevocationProgress(Struct, frozen=True):
    """What one batch did; `lists` are the (authority, part) of those that must tell more now."""

    is_finished: bool
    lists: tuple[tuple[str, str], ...]


class ContinueRevocation(ProjectOperation[RevocationProgress], frozen=True, kw_only=True):
    """Revoke the next batch; the job's."""

    action: ClassVar[str] = "x509:continue-revocation"
    takes_away: ClassVar[bool] = True

    revocation: str
