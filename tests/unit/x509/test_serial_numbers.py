"""Serial numbers and reasons: the small values."""

import pytest

from ca_service.x509.certificates import serial_text
from ca_service.x509.reasons import REASON_OF_CODE, RevocationReason
from ca_service.x509.serial_numbers import new_serial_number
from tests.support.fakes.kernel import FakeRandomness


def test_serial_numbers_are_positive_and_of_one_length() -> None:
    randomness = FakeRandomness()
    numbers = {new_serial_number(randomness) for _ in range(200)}
    assert len(numbers) == 200
    assert all(number.bit_length() == 127 for number in numbers)


@pytest.mark.parametrize(("number", "text"), [(1, "01"), (0xABC, "0abc"), (0xAB, "ab")])
def test_serial_numbers_are_written_with_an_even_number_of_digits(number: int, text: str) -> None:
    assert serial_text(number) == text


def test_every_reason_has_its_code() -> None:
    assert {REASON_OF_CODE[reason.code] for reason in RevocationReason} == set(RevocationReason)


@pytest.mark.parametrize("code", [6, 7, 8, 11, -1])
def test_hold_and_unknown_codes_are_none(code: int) -> None:
    assert code not in REASON_OF_CODE
