"""Revoking what the inventory does not have."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.x509.reasons import RevocationReason


class RevokedSerialNumber(Struct, frozen=True, kw_only=True):
    """A serial number of an authority that CRLs and OCSP tell as revoked; no certificate is known for it."""

    authority: str
    authority_id: str
    serial_number: str
    reason: RevocationReason
    revoked_at: datetime


class RevokeUnknownCertificate(ProjectOperation[RevokedSerialNumber], frozen=True, kw_only=True):
    """Revoke a certificate by its number alone, where a restore or a loss left the inventory without it (S6).

    Doing it again changes nothing. `serial_number` is hexadecimal, with or without colons.
    """

    action: ClassVar[str] = "x509:revoke-unknown"
    takes_away: ClassVar[bool] = True

    authority: str
    serial_number: str
    reason: RevocationReason = RevocationReason.UNSPECIFIED
