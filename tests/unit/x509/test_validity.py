"""How long a certificate lives."""

from datetime import UTC, datetime, timedelta

import pytest

from ca_service.kernel.errors import UnacceptableError
from ca_service.x509.built_in_profiles import SERVER_SETTINGS
from ca_service.x509.validity import Validity, ttl_until, validity_between, validity_from, verify_ttl

NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
ISSUER = Validity(
    NOW.replace(microsecond=0) - timedelta(days=1), NOW.replace(microsecond=0) + timedelta(days=300)
)


def test_the_start_lies_at_most_five_minutes_back() -> None:
    validity = validity_from(NOW, timedelta(days=1), ISSUER)
    assert timedelta(minutes=4, seconds=59) <= NOW - validity.not_before <= timedelta(minutes=5)


def test_both_ends_are_whole_seconds() -> None:
    validity = validity_from(NOW, timedelta(days=1), ISSUER)
    assert (validity.not_before.microsecond, validity.not_after.microsecond) == (0, 0)


def test_the_last_second_counts() -> None:
    validity = validity_from(NOW, timedelta(days=1), ISSUER)
    assert validity.not_after + timedelta(seconds=1) <= NOW + timedelta(days=1)


def test_one_second_is_not_nothing() -> None:
    assert validity_from(NOW, timedelta(seconds=1), ISSUER).not_after > NOW


def test_the_issuers_ends_clamp() -> None:
    young = Validity(NOW.replace(microsecond=0), NOW.replace(microsecond=0) + timedelta(days=2))
    assert validity_from(NOW, timedelta(days=9), young) == young


def test_an_issuer_that_has_ended_issues_nothing() -> None:
    ended = Validity(NOW - timedelta(days=2), NOW - timedelta(days=1))
    with pytest.raises(UnacceptableError) as caught:
        validity_from(NOW, timedelta(days=1), ended)
    assert (caught.value.field, caught.value.rule) == ("authority", "authority-ended")


@pytest.mark.parametrize("ttl", [timedelta(), timedelta(seconds=-1), timedelta(milliseconds=999)])
def test_no_time_at_all_is_refused(ttl: timedelta) -> None:
    with pytest.raises(UnacceptableError) as caught:
        verify_ttl(ttl, SERVER_SETTINGS, "server")
    assert (caught.value.field, caught.value.rule) == ("ttl", "ttl-positive")


def test_the_ceiling_itself_is_allowed() -> None:
    verify_ttl(SERVER_SETTINGS.max_ttl, SERVER_SETTINGS, "server")


def test_above_the_ceiling_is_refused_and_the_ceiling_named() -> None:
    with pytest.raises(UnacceptableError) as caught:
        verify_ttl(SERVER_SETTINGS.max_ttl + timedelta(seconds=1), SERVER_SETTINGS, "server")
    assert (caught.value.field, caught.value.rule) == ("ttl", "profile-max-ttl")
    assert "200 days" in caught.value.detail


DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WHOLE = NOW.replace(microsecond=0)


def between(not_before: datetime | None, not_after: datetime | None) -> Validity:
    """Return the ends that a request for these gets from an issuer that lives long enough."""
    ttl = ttl_until(not_before, not_after, now=NOW, default=47 * DAY)
    assert ttl is not None
    within = validity_from(NOW, ttl, ISSUER)
    return validity_between(within, not_before, not_after, now=NOW, issuer=ISSUER)


def test_ends_that_were_asked_for_are_exact() -> None:
    assert between(WHOLE + HOUR, WHOLE + DAY) == Validity(WHOLE + HOUR, WHOLE + DAY)


def test_an_end_alone_leaves_the_beginning() -> None:
    found = between(None, WHOLE + DAY)
    assert (found.not_after, NOW - found.not_before <= timedelta(minutes=5)) == (WHOLE + DAY, True)


def test_a_beginning_alone_takes_the_default_lifetime_from_there() -> None:
    found = between(WHOLE + DAY, None)
    assert (found.not_before, found.not_after - found.not_before) == (
        WHOLE + DAY,
        47 * DAY - timedelta(seconds=1),
    )


def test_a_beginning_is_never_dated_back_by_more_than_an_hour() -> None:
    assert between(WHOLE - DAY, WHOLE + DAY).not_before == WHOLE - HOUR


def test_no_ends_ask_for_no_lifetime() -> None:
    assert ttl_until(None, None, now=NOW, default=DAY) is None


@pytest.mark.parametrize(
    ("not_before", "not_after", "rule"),
    [
        (None, ISSUER.not_after + timedelta(seconds=1), "authority-ends"),
        (WHOLE + DAY, WHOLE + DAY, "validity-empty"),
        (WHOLE + 2 * DAY, WHOLE + DAY, "validity-empty"),
    ],
    ids=["beyond-the-issuer", "equal", "reversed"],
)
def test_ends_that_cannot_be_had_are_refused(
    not_before: datetime | None, not_after: datetime, rule: str
) -> None:
    with pytest.raises(UnacceptableError) as caught:
        between(not_before, not_after)
    assert caught.value.rule == rule
