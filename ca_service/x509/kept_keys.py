"""A subject's key that custody keeps sealed, and when the certificate over it is renewed by itself."""

from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.custody.sealing import RecordName
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.tenancy import Tenant

TABLE = "x509_kept_keys"
#: Renewals of what was issued together are spread over this part of the life.
_SPREAD = 1 / 20
_FIRST_PAUSE = timedelta(minutes=5)
_LONGEST_PAUSE = timedelta(hours=6)


class KeptKey(Struct, frozen=True, kw_only=True):
    """One kept key. `owner` is the Cedar name of the caller as whom it is renewed (S15).

    `renew_at` is when that is tried next; None: not by itself, or done.
    """

    tenant: Tenant
    certificate: str
    owner: str
    sealed: bytes
    renew_at: datetime | None
    renewed_by: str | None = None
    attempts: int = 0
    last_error: str = ""


def record_of(certificate: str) -> RecordName:
    """Return the full name of the sealed key of a certificate."""
    return RecordName(TABLE, certificate, 1)


def first_renewal(
    not_before: datetime, not_after: datetime, renew_before: timedelta | None, randomness: Randomness
) -> datetime:
    """Return when to renew: at two thirds of the life, or `renew_before` its end; a little earlier by chance.

    A `renew_before` that is the whole life or more stands for two thirds too.
    """
    life = not_after - not_before
    if renew_before is None or renew_before >= life:
        planned = not_before + life * 2 / 3
    else:
        planned = not_after - renew_before
    return max(planned - life * _SPREAD * _fraction(randomness), not_before)


def next_attempt(now: datetime, attempts: int, randomness: Randomness) -> datetime:
    """Return when a renewal that failed so often is tried again: later each time, half of it by chance."""
    longest = min(_FIRST_PAUSE * (1 << min(attempts, 16)), _LONGEST_PAUSE)
    return now + longest / 2 + longest / 2 * _fraction(randomness)


def _fraction(randomness: Randomness) -> float:
    return int.from_bytes(randomness.token_bytes(4), "big") / 2**32
