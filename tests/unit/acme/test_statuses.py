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
from acme.orders import CertificateId, Order, OrderId, OrderStatus, view_of
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
