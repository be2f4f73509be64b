"""RSA keys that others can factor."""

import math

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca_service.x509.errors import CsrRefusedError
from ca_service.x509.public_keys import parse_key_algorithm
from ca_service.x509.weak_keys import has_close_primes, has_small_factor, is_roca

GOOD = rsa.generate_private_key(65537, 2048).private_numbers()
#: What the broken library's primes are made with.
PRODUCT = math.prod(p for p in range(2, 168) if all(p % d for d in range(2, math.isqrt(p) + 1)))


def without_small_factors(number: int) -> int:
    """Return the next number from here that no small prime divides: as good as a prime to these checks."""
    number |= 1
    while has_small_factor(number):
        number += 2
    return number


def roca_prime(start: int) -> int:
    """Return a number like the broken library's primes: k * M + (65537 ^ a mod M)."""
    k = start // PRODUCT
    return next(
        found
        for exponent in range(1, 10_000)
        if not has_small_factor(found := (k + exponent) * PRODUCT + pow(65537, exponent, PRODUCT))
    )


def key_of(modulus: int, exponent: int = 65537) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def rule_of(key: object) -> str | None:
    with pytest.raises(CsrRefusedError) as caught:
        parse_key_algorithm(key, field="csr")
    assert caught.value.field == "csr"
    return caught.value.rule


def test_a_sound_modulus_is_none_of_these() -> None:
    modulus = GOOD.p * GOOD.q
    assert [check(modulus) for check in (has_small_factor, is_roca, has_close_primes)] == [False] * 3


def test_the_primes_of_the_broken_library_are_told_by_their_product() -> None:
    assert is_roca(roca_prime(1 << 511) * roca_prime(7 << 511))


def test_a_key_of_the_broken_library_is_refused() -> None:
    assert rule_of(key_of(roca_prime(5 << 1021) * roca_prime(7 << 1021))) == "rsa-roca"


@pytest.mark.parametrize("distance", [2, 1 << 20, 1 << 256])
def test_primes_that_lie_close_are_found(distance: int) -> None:
    assert has_close_primes(GOOD.p * (GOOD.p + distance))


def test_a_square_is_found() -> None:
    assert has_close_primes(GOOD.p * GOOD.p)


def test_primes_that_lie_far_apart_are_not_found() -> None:
    assert not has_close_primes(GOOD.p * (GOOD.p + (1 << 600)))


def test_a_key_with_close_primes_is_refused() -> None:
    p = without_small_factors(3 << 1022)
    assert rule_of(key_of(p * without_small_factors(p + 1000))) == "rsa-close-primes"


def test_a_key_with_a_small_factor_is_refused() -> None:
    assert rule_of(key_of(751 * ((3 << 2036) | 1))) == "rsa-modulus"


@pytest.mark.parametrize("exponent", [3, 17, 65535])
def test_a_key_with_a_small_exponent_is_refused(exponent: int) -> None:
    assert rule_of(key_of(GOOD.p * GOOD.q, exponent)) == "rsa-exponent"


@pytest.mark.parametrize("size", [1024, 2047, 2056, 5120])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    assert rule_of(key_of((1 << (size - 1)) + 1)) == "rsa-size"


def test_a_point_off_its_curve_is_no_key() -> None:
    on = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    with pytest.raises(ValueError, match=r"(?i)point|invalid"):
        ec.EllipticCurvePublicNumbers(on.x, on.y ^ 1, ec.SECP256R1()).public_key()
