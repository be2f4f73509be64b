"""When a certificate shall begin and end, as a newOrder asks for it (RFC 8555 section 7.4)."""

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from acme.errors import ValidityRefusedError
from ca_service.kernel.errors import MalformedError
from ca_service.x509.profiles import ProfileSettings
from ca_service.x509.validity import FURTHEST_BACKDATING

#: Times outside are none that X.509 can say in every reader (RFC 5280 section 4.1.2.5).
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


class AskedValidity(Struct, frozen=True):
    """What was asked for, whole seconds; None leaves it to the profile."""

    not_before: datetime | None = None
    not_after: datetime | None = None


def parse_moment(value: object, field: str) -> datetime | None:
    """Return a time of RFC 3339 in UTC and whole seconds; None if there is none. Raises MalformedError."""
    if value is None:
        return None
    try:
        moment = msgspec.convert(value, datetime).replace(microsecond=0)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        moment = moment.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        detail = f"`{field}` is not a time such as 2026-01-31T12:00:00Z (RFC 3339)."
        raise MalformedError(detail, field=field) from error
    if not _FIRST <= moment <= _LAST:
        raise MalformedError(f"`{field}` is not a time that a certificate can carry.", field=field)
    return moment


def verify_validity(asked: AskedValidity, now: datetime) -> None:
    """Refuse times that no certificate can have, whatever its profile. Raises MalformedError."""
    start, end = asked.not_before, asked.not_after
    if start is not None and start < now - FURTHEST_BACKDATING:
        minutes = FURTHEST_BACKDATING // timedelta(minutes=1)
        detail = f"`notBefore` lies more than {minutes} minutes back; leave it out or ask for a later time."
        raise MalformedError(detail, field="notBefore")
    if end is None:
        return
    if start is not None and end <= start:
        raise MalformedError("`notAfter` must lie after `notBefore`.", field="notAfter")
    if end <= now:
        raise MalformedError("`notAfter` has passed already; ask for a later time.", field="notAfter")


def verify_ceiling(asked: AskedValidity, now: datetime, profile: str, settings: ProfileSettings) -> None:
    """Refuse a certificate that would outlive the profile's ceiling. Raises ValidityRefusedError."""
    start, end = asked.not_before, asked.not_after
    if start is None and end is None:
        return
    longest = settings.max_ttl
    if end is None:
        end = max(now, start or now) + settings.default_ttl
        field = "notBefore"
    else:
        field = "notAfter"
    if end - now <= longest:
        return
    last = (now + longest).replace(microsecond=0)
    detail = (
        f"The profile {profile} issues no certificate that ends more than {_days(longest)} from now, "
        f"that is after {last:%Y-%m-%dT%H:%M:%SZ}; ask for an earlier `{field}` or leave it out."
    )
    raise ValidityRefusedError(detail, field=field, rule="profile-max-ttl")


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):g} days"
