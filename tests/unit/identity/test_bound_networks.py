"""Networks that tokens and secrets are bound to."""

import pytest

from ca_service.identity.networks import admits, parse_networks
from ca_service.kernel.errors import MalformedError, UnacceptableError


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "-"])
def test_no_networks_admit_everyone(address: str) -> None:
    assert admits((), address)


@pytest.mark.parametrize("address", ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9"])
def test_a_network_admits_its_addresses(address: str) -> None:
    assert admits(("192.0.2.0/24",), address)


@pytest.mark.parametrize("address", ["192.0.3.0", "2001:db8::1", "-", "", "192.0.2.1, 10.0.0.1"])
def test_a_network_admits_nobody_else(address: str) -> None:
    assert not admits(("192.0.2.0/24",), address)


def test_networks_are_kept_in_one_spelling() -> None:
    assert parse_networks(["192.0.2.1", "2001:DB8::/32"], field="n") == ("192.0.2.1/32", "2001:db8::/32")


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0/8 "])
def test_what_is_no_network_is_refused_by_its_place(text: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_networks(["10.0.0.0/8", text], field="networks")
    assert refused.value.field == "networks[1]"


def test_too_many_networks_are_refused() -> None:
    with pytest.raises(UnacceptableError):
        parse_networks(["10.0.0.0/8"] * 65, field="networks")
