"""Statuses follow from facts and the time (RFC 8555 section 7.1.6)."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from acme.accounts import AccountId
from acme.authorizations import Authorization, AuthorizationId, AuthorizationStatus
from acme.challenges import (
    Challenge,
    ChallengeFailure,
    ChallengeId,
    ChallengeStatus,
    ChallengeType,
    digest_of,
    retry_delay,
)
from acme.directories import DirectoryId
from acme.identifiers import Identifier
from acme.orders import CertificateId, Order, OrderId, OrderStatus, expiry_of, serves_again, view_of
from tests.support.fakes.gate import TENANT

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(days=8)
FAILURE = ChallengeFailure("unauthorized", "It did not match.")

PENDING = Challenge(
    id=ChallengeId("chall_1"),
    tenant=TENANT,
    directory=DirectoryId("dir_1"),
    account=AccountId("acc_1"),
    authorization="authz_1",
    identifier=Identifier("dns", "a.example"),
    type=ChallengeType.HTTP_01,
    token="t",
)
PROCESSING = replace(PENDING, responded_at=NOW, key_authorization="t.k")
VALID = replace(PROCESSING, validated_at=NOW)
INVALID = replace(PROCESSING, failure=FAILURE)


def authorization(*challenges: Challenge, deactivated: bool = False) -> Authorization:
    return Authorization(
        id=AuthorizationId("authz_1"),
        tenant=TENANT,
        directory=DirectoryId("dir_1"),
        account=AccountId("acc_1"),
        identifier=Identifier("dns", "a.example"),
        is_wildcard=False,
        created_at=NOW,
        expires_at=NOW + timedelta(days=7),
        deactivated_at=NOW if deactivated else None,
        challenges=challenges,
    )


CERTIFICATE = CertificateId("crt_1")
ORDER = Order(
    id=OrderId("ord_1"),
    tenant=TENANT,
    directory=DirectoryId("dir_1"),
    account=AccountId("acc_1"),
    identifiers=(Identifier("dns", "a.example"),),
    created_at=NOW,
    expires_at=NOW + timedelta(days=7),
)


@pytest.mark.parametrize(
    ("challenge", "status"),
    [
        (PENDING, ChallengeStatus.PENDING),
        (PROCESSING, ChallengeStatus.PROCESSING),
        (VALID, ChallengeStatus.VALID),
        (INVALID, ChallengeStatus.INVALID),
    ],
)
def test_a_challenge(challenge: Challenge, status: ChallengeStatus) -> None:
    assert challenge.status is status


@pytest.mark.parametrize(
    ("found", "now", "status"),
    [
        (authorization(PENDING, PENDING), NOW, AuthorizationStatus.PENDING),
        (authorization(PROCESSING), NOW, AuthorizationStatus.PENDING),
        (authorization(PENDING, VALID), NOW, AuthorizationStatus.VALID),
        (authorization(PENDING, INVALID), NOW, AuthorizationStatus.INVALID),
        (authorization(VALID), LATER, AuthorizationStatus.EXPIRED),
        (authorization(PENDING), LATER, AuthorizationStatus.INVALID),
        (authorization(VALID, deactivated=True), NOW, AuthorizationStatus.DEACTIVATED),
        (authorization(INVALID, deactivated=True), LATER, AuthorizationStatus.DEACTIVATED),
    ],
)
def test_an_authorization(found: Authorization, now: datetime, status: AuthorizationStatus) -> None:
    assert found.status_at(now) is status


@pytest.mark.parametrize(
    ("order", "authorizations", "now", "status"),
    [
        (ORDER, (authorization(PENDING),), NOW, OrderStatus.PENDING),
        (ORDER, (authorization(VALID), authorization(PROCESSING)), NOW, OrderStatus.PENDING),
        (ORDER, (authorization(VALID), authorization(VALID)), NOW, OrderStatus.READY),
        (ORDER, (authorization(VALID), authorization(INVALID)), NOW, OrderStatus.INVALID),
        (ORDER, (authorization(VALID, deactivated=True),), NOW, OrderStatus.INVALID),
        (ORDER, (authorization(VALID),), LATER, OrderStatus.INVALID),
        (replace(ORDER, failure=FAILURE), (authorization(VALID),), NOW, OrderStatus.INVALID),
        (
            replace(ORDER, certificate=CERTIFICATE),
            (authorization(VALID),),
            LATER,
            OrderStatus.VALID,
        ),
        (
            replace(ORDER, certificate=CERTIFICATE),
            (authorization(VALID, deactivated=True),),
            NOW,
            OrderStatus.VALID,
        ),
    ],
)
def test_an_order(
    order: Order, authorizations: tuple[Authorization, ...], now: datetime, status: OrderStatus
) -> None:
    assert view_of(order, authorizations, now).status is status


@pytest.mark.parametrize(
    ("authorizations", "now", "words"),
    [
        ((authorization(INVALID),), NOW, "did not match"),
        ((authorization(VALID, deactivated=True),), NOW, "a.example"),
        ((authorization(PENDING),), LATER, "expired"),
    ],
)
def test_an_invalid_order_says_why(
    authorizations: tuple[Authorization, ...], now: datetime, words: str
) -> None:
    failure = view_of(ORDER, authorizations, now).failure
    assert failure is not None
    assert words in failure.detail


def test_an_order_that_is_not_invalid_has_no_error() -> None:
    assert view_of(ORDER, (authorization(VALID),), NOW).failure is None


def test_retries_end() -> None:
    delays = [retry_delay(attempts) for attempts in (1, 2, 3)]
    assert delays == [timedelta(seconds=2), timedelta(seconds=8), None]


def test_the_digest_of_a_key_authorization_is_base64url_of_sha256() -> None:
    # RFC 8555 section 8.4: 32 octets are 43 characters without padding.
    assert digest_of("t.k") == "dlB0GFFBjq1DwqiLNYRbUrjZLT6IqLn_wqx7amut1k0"


def test_an_order_without_any_authorization_is_never_ready() -> None:
    assert view_of(ORDER, (), NOW).status is OrderStatus.INVALID


@pytest.mark.parametrize(
    ("age", "left", "serves"),
    [
        (timedelta(hours=7, minutes=59), timedelta(days=6), True),
        (timedelta(hours=8), timedelta(days=6), False),
        (timedelta(), timedelta(hours=1), True),
        (timedelta(), timedelta(minutes=59), False),
    ],
    ids=["fresh", "eight-hours-old", "an-hour-left", "less-than-an-hour-left"],
)
def test_authz_reuse_is_limited_by_age_and_remaining_life(
    age: timedelta, left: timedelta, serves: bool
) -> None:
    found = replace(authorization(replace(VALID, validated_at=NOW - age)), expires_at=NOW + left)
    assert found.serves_at(NOW) is serves


@pytest.mark.parametrize(
    "found", [authorization(PENDING), authorization(INVALID), authorization(VALID, deactivated=True)]
)
def test_only_valid_authorizations_serve_further_orders(found: Authorization) -> None:
    assert not found.serves_at(NOW)


@pytest.mark.parametrize(
    ("order", "authorizations", "serves"),
    [
        (ORDER, (authorization(PENDING),), True),
        (ORDER, (authorization(VALID),), True),
        (ORDER, (authorization(INVALID),), False),
        (replace(ORDER, certificate=CERTIFICATE), (authorization(VALID),), False),
        (replace(ORDER, expires_at=NOW + timedelta(minutes=59)), (authorization(VALID),), False),
        (replace(ORDER, expires_at=NOW), (authorization(VALID),), False),
    ],
    ids=["pending", "ready", "invalid", "valid", "soon-over", "expired"],
)
def test_reuse_of_pending_and_ready_orders_never_invalid_or_expired(
    order: Order, authorizations: tuple[Authorization, ...], serves: bool
) -> None:
    assert serves_again(view_of(order, authorizations, NOW), NOW) is serves


@pytest.mark.parametrize(
    "other",
    [
        replace(ORDER, identifiers=(Identifier("dns", "b.example"),)),
        replace(ORDER, profile="other"),
        replace(ORDER, not_before=NOW),
        replace(ORDER, not_after=LATER),
    ],
    ids=["identifiers", "profile", "notBefore", "notAfter"],
)
def test_orders_that_differ_do_not_ask_alike(other: Order) -> None:
    assert not ORDER.asks_like(other)


def test_an_order_ends_no_later_than_what_it_rests_on() -> None:
    soon = replace(authorization(VALID), expires_at=NOW + timedelta(hours=2))
    assert expiry_of(NOW, (soon, authorization(VALID)), None) == NOW + timedelta(hours=2)


def test_an_order_ends_no_later_than_the_certificate_it_asks_for() -> None:
    assert expiry_of(NOW, (authorization(PENDING),), NOW + timedelta(days=1)) == NOW + timedelta(days=1)
