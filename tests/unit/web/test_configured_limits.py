"""`[acme.limits]`: what of the configuration becomes a rate (S8)."""

import pytest

from ca_service.config import ConfigError, LimitsConfig, load_config
from ca_service.web.rate_limits import Rate, rates_of


def test_each_setting_is_a_rate() -> None:
    limits = LimitsConfig(new_order_burst=7, new_order_per_second=0.5)
    assert rates_of(limits)["newOrder"] == Rate(burst=7, per_second=0.5)


def test_nothing_said_then_everything_a_stranger_may_ask_for_has_a_rate() -> None:
    assert rates_of(LimitsConfig()).keys() >= {"login", "newNonce", "newAccount", "newOrder"}


def test_nothing_said_then_a_bench_from_one_address_is_not_hindered() -> None:
    rates = rates_of(LimitsConfig())
    assert rates["newNonce"].per_second >= 8_000
    assert rates["newOrder"].per_second >= 250


def test_a_burst_of_nothing_limits_nothing() -> None:
    assert "newNonce" not in rates_of(LimitsConfig(new_nonce_burst=0))


def test_a_limit_is_set_in_the_environment() -> None:
    variables = {"KEYWRIGHT__ACME__LIMITS__NEW_ACCOUNT_BURST": "3"}
    assert load_config(variables=variables).acme.limits.new_account_burst == 3


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("new_order_burst", -1),
        ("new_order_burst", "many"),
        ("new_order_per_second", 0),
        ("new_orders", 1),
        ("help_url", "docs"),
        ("help_url", 'https://a/>;rel="x'),
        ("help_url", "https://a/\r\nx: y"),
        ("help_url", "https://a/\n"),
    ],
)
def test_a_limit_that_is_none_is_refused(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match="configuration"):
        load_config(overrides={f"acme.limits.{setting}": value}, variables={})
