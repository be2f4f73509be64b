"""notBefore and notAfter of a newOrder: honoured or refused (RFC 8555 section 7.4)."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from acme.errors import ValidityRefusedError
from acme.validity import AskedValidity, parse_moment, verify_ceiling, verify_validity
from ca_service.kernel.errors import MalformedError
from ca_service.x509.built_in_profiles import SERVER_SETTINGS

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T12:00:00Z", NOW),
        ("2026-01-02t12:00:00z", NOW),
        ("2026-01-02T13:00:00+01:00", NOW),
        ("2026-01-02T12:00:00.999Z", NOW),
        (None, None),
    ],
)
def test_a_time_of_rfc_3339_is_read_in_utc_and_whole_seconds(
    text: str | None, moment: datetime | None
) -> None:
    assert parse_moment(text, "notAfter") == moment


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tomorrow",
        "2026-01-02",
        "2026-01-02T12:00:00",
        "2026-02-30T12:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1969-12-31T23:59:59Z",
        1767355200,
        True,
        [],
        {},
    ],
    ids=repr,
)
def test_what_is_no_time_is_malformed(value: object) -> None:
    with pytest.raises(MalformedError):
        parse_moment(value, "notAfter")


@pytest.mark.parametrize(
    "asked",
    [
        AskedValidity(None, NOW),
        AskedValidity(None, NOW - DAY),
        AskedValidity(NOW + DAY, NOW + DAY),
        AskedValidity(NOW + 2 * DAY, NOW + DAY),
        AskedValidity(NOW - HOUR - timedelta(seconds=1), None),
    ],
    ids=["ends-now", "past", "equal", "reversed", "begins-too-far-back"],
)
def test_past_equal_and_reversed_times_are_malformed(asked: AskedValidity) -> None:
    with pytest.raises(MalformedError):
        verify_validity(asked, NOW)


@pytest.mark.parametrize(
    "asked",
    [
        AskedValidity(),
        AskedValidity(NOW - HOUR, NOW + DAY),
        AskedValidity(NOW + DAY, None),
        AskedValidity(None, NOW + timedelta(seconds=1)),
    ],
    ids=repr,
)
def test_other_times_are_taken(asked: AskedValidity) -> None:
    verify_validity(asked, NOW)


def test_beyond_the_ceiling_is_refused_with_the_last_time_that_is_not() -> None:
    asked = AskedValidity(None, NOW + 200 * DAY + timedelta(seconds=1))
    with pytest.raises(ValidityRefusedError, match=r"200 days from now.*2026-07-21T12:00:00Z"):
        verify_ceiling(asked, NOW, "server", SERVER_SETTINGS)


def test_the_ceiling_itself_is_taken() -> None:
    verify_ceiling(AskedValidity(None, NOW + 200 * DAY), NOW, "server", SERVER_SETTINGS)


def test_a_beginning_from_which_the_default_lifetime_passes_the_ceiling_is_refused() -> None:
    with pytest.raises(ValidityRefusedError, match="notBefore"):
        verify_ceiling(AskedValidity(NOW + 160 * DAY, None), NOW, "server", SERVER_SETTINGS)


def test_nothing_asked_is_never_beyond_a_ceiling() -> None:
    short = replace(SERVER_SETTINGS, default_ttl=2 * DAY, max_ttl=DAY)
    verify_ceiling(AskedValidity(), NOW, "server", short)
