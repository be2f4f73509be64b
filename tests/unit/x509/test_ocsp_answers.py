"""OCSP answers in DER, read by the library (RFC 6960 section 4.2)."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.x509.ocsp import OCSPResponseStatus

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.x509.ocsp_answers import (
    ErrorStatus,
    RecordedStatus,
    answers_to_sign,
    error_answer,
    signed_answer,
    single_answer,
)
from ca_service.x509.reasons import RevocationReason
from tests.support.bad_ocsp_requests import ID
from tests.support.ocsp import GOOD, REVOKED, UNKNOWN, read_answer, revocation_told, told

NOW = dt.datetime(2026, 5, 4, 3, 2, 1, 999_999, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=12)


def answer(status: RecordedStatus | None, algorithm: KeyAlgorithm = KeyAlgorithm.EC_P256) -> bytes:
    data = answers_to_sign(bytes(20), NOW, [single_answer(ID, status, NOW, LATER)], None)
    return signed_answer(data, algorithm, b"signature")


@pytest.mark.parametrize(
    ("status", "read"),
    [
        (ErrorStatus.MALFORMED_REQUEST, OCSPResponseStatus.MALFORMED_REQUEST),
        (ErrorStatus.TRY_LATER, OCSPResponseStatus.TRY_LATER),
        (ErrorStatus.UNAUTHORIZED, OCSPResponseStatus.UNAUTHORIZED),
    ],
)
def test_an_error_says_which(status: ErrorStatus, read: OCSPResponseStatus) -> None:
    assert read_answer(error_answer(status)).response_status is read


@pytest.mark.parametrize(
    ("status", "read"),
    [(RecordedStatus(), GOOD), (RecordedStatus(NOW, RevocationReason.SUPERSEDED), REVOKED), (None, UNKNOWN)],
)
def test_a_status_is_told(status: RecordedStatus | None, read: object) -> None:
    assert told(answer(status)) == [(5, read)]


@pytest.mark.parametrize("reason", [r for r in RevocationReason if r is not RevocationReason.UNSPECIFIED])
def test_every_reason_is_told_with_its_time(reason: RevocationReason) -> None:
    at, why = revocation_told(answer(RecordedStatus(NOW, reason)))
    assert (at, why) == (NOW.replace(microsecond=0), x509.ReasonFlags(reason.value))


def test_times_are_whole_seconds() -> None:
    read = read_answer(answer(RecordedStatus()))
    whole = NOW.replace(microsecond=0)
    assert (read.produced_at_utc, read.this_update_utc) == (whole, whole)
    assert read.next_update_utc == LATER.replace(microsecond=0)


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_every_algorithm_of_custody_has_an_identifier(algorithm: KeyAlgorithm) -> None:
    assert read_answer(answer(RecordedStatus(), algorithm)).signature == b"signature"
