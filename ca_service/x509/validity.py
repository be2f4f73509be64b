"""How long a certificate lives: from now, below every ceiling, never beyond its issuer (S18)."""

from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.profiles import ProfileSettings

#: For clients whose clocks are behind.
BACKDATING = timedelta(minutes=5)
#: As far back as a caller may have a certificate begin.
FURTHEST_BACKDATING = timedelta(hours=1)
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


def ttl_until(
    not_before: datetime | None, not_after: datetime | None, *, now: datetime, default: timedelta
) -> timedelta | None:
    """Return the lifetime from now that these ends ask for; None if neither is given.

    A beginning without an end takes the default from there on.
    """
    if not_after is not None:
        return not_after - now
    return None if not_before is None else max(now, not_before) - now + default


def validity_between(
    within: Validity,
    not_before: datetime | None,
    not_after: datetime | None,
    *,
    now: datetime,
    issuer: Validity,
) -> Validity:
    """Return `within` with the ends that were asked for, exactly, in place of its own.

    A beginning too far back is moved up to an hour before now. Raises ProfileRefusedError for an end beyond
    the issuer's, or one that leaves nothing.
    """
    start, end = within.not_before, within.not_after
    if not_before is not None:
        earliest = max((now - FURTHEST_BACKDATING).replace(microsecond=0), issuer.not_before)
        start = max(not_before.replace(microsecond=0), earliest)
    if not_after is not None:
        end = not_after.replace(microsecond=0)
        if end > issuer.not_after:
            last = f"{issuer.not_after:%Y-%m-%dT%H:%M:%SZ}"
            detail = f"The authority's own certificate ends at {last}; ask for an earlier end."
            raise ProfileRefusedError(detail, field="not_after", rule="authority-ends")
    if end <= start:
        raise ProfileRefusedError(
            "Nothing is left between the beginning and the end that were asked for.",
            field="not_after",
            rule="validity-empty",
        )
    return Validity(start, end)
