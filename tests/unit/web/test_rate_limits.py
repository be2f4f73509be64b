"""Token buckets per network."""

from datetime import UTC, datetime, timedelta

import pytest

from ca_service.kernel.errors import RateLimitedError
from ca_service.web.rate_limits import Rate, RateLimiter, prefix_of


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def limiter(clock: HandClock, *, most: int = 100) -> RateLimiter:
    return RateLimiter(clock, {"login": Rate(burst=3, per_second=0.5)}, most_buckets=most)


def test_given_a_burst_then_the_next_is_refused_with_the_time_to_wait() -> None:
    limits = limiter(HandClock())
    for _ in range(3):
        limits.take("login", "192.0.2.1")

    with pytest.raises(RateLimitedError) as refused:
        limits.take("login", "192.0.2.1")

    assert refused.value.retry_after == timedelta(seconds=2)


def test_given_the_wait_then_one_more_passes() -> None:
    clock = HandClock()
    limits = limiter(clock)
    for _ in range(3):
        limits.take("login", "192.0.2.1")
    clock.seconds += 2

    limits.take("login", "192.0.2.1")

    with pytest.raises(RateLimitedError):
        limits.take("login", "192.0.2.1")


def test_given_neighbours_then_they_share_a_bucket_and_strangers_do_not() -> None:
    limits = limiter(HandClock())
    for last in (1, 2, 3):
        limits.take("login", f"192.0.2.{last}")

    limits.take("login", "192.0.3.1")
    with pytest.raises(RateLimitedError):
        limits.take("login", "192.0.2.200")


def test_given_a_name_without_a_rate_then_nothing_limits_it() -> None:
    limits = limiter(HandClock())

    for _ in range(1000):
        limits.take("anything", "192.0.2.1")


def test_given_more_networks_than_fit_then_the_oldest_is_forgotten() -> None:
    limits = limiter(HandClock(), most=2)
    for _ in range(3):
        limits.take("login", "192.0.2.1")
    limits.take("login", "192.0.3.1")
    limits.take("login", "192.0.4.1")

    limits.take("login", "192.0.2.1")


@pytest.mark.parametrize(
    ("address", "prefix"),
    [("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"), ("-", "-")],
)
def test_a_network_is_a_24_or_a_64(address: str, prefix: str) -> None:
    assert prefix_of(address) == prefix
