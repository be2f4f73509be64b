"""How long a certificate lives: from now, below every ceiling, never beyond its issuer (S18)."""

from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.profiles import ProfileSettings

#: For clients whose clocks are behind.
BACKDATING = timedelta(minutes=5)
_SECOND = timedelta(seconds=1)


class Validity(Struct, frozen=True):
    """The two ends of a certificate, whole seconds, both inside (RFC 5280 section 4.1.2.5)."""

    not_before: datetime
    not_after: datetime


def verify_ttl(ttl: timedelta, settings: ProfileSettings, profile: str) -> None:
    """Refuse a lifetime that is no time at all or above the profile's ceiling. Raises ProfileRefusedError."""
    if ttl < _SECOND:
        detail = "A certificate lives at least one second; ask for a longer ttl or leave it out."
        raise ProfileRefusedError(detail, field="ttl", rule="ttl-positive")
    if ttl > settings.max_ttl:
        ceiling = int(settings.max_ttl.total_seconds())
        detail = (
            f"The profile {profile} allows a ttl of at most {ceiling} seconds "
            f"({ceiling / 86400:g} days); ask for less or leave it out."
        )
        raise ProfileRefusedError(detail, field="ttl", rule="profile-max-ttl")


def validity_from(now: datetime, ttl: timedelta, issuer: Validity) -> Validity:
    """Return the ends of a certificate that lives `ttl` from `now`, clamped to its issuer's.

    `not_before` lies at most five minutes back. Raises ProfileRefusedError if the issuer has ended.
    """
    if now > issuer.not_after:
        detail = "The authority's own certificate has ended; choose another authority or renew it."
        raise ProfileRefusedError(detail, field="authority", rule="authority-ended")
    moment = now.replace(microsecond=0)
    start = max(moment - BACKDATING + (_SECOND if now.microsecond else timedelta()), issuer.not_before)
    # The last second belongs to the certificate, so it is one less than the lifetime; never less than one.
    end = max((now + ttl).replace(microsecond=0) - _SECOND, moment + _SECOND)
    return Validity(start, min(end, issuer.not_after))
