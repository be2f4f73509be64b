"""The table of hostile addresses, run against every class of egress (S4)."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from ca_service.config import ConfigError, TargetConfig, ValidationConfig
from ca_service.egress.addresses import AddressTable, is_private, parse_address, parse_networks, unfold
from ca_service.egress.egress import Egress, EgressClass
from ca_service.egress.errors import RefusedAddressError
from tests.support.fakes.kernel import FakeClock, FakeRandomness

HOSTILE = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "169.254.1.1",
    "fe80::1",
    "fec0::1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "ff02::1",
    "ff0e::1",
    "240.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "100::1",
    "2001:db8::1",
    "2001:2::1",
    "2001:10::1",
    "3fff::1",
    "4000::1",
    "1::1",
    "5f00::1",
    # embedded IPv4
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2001:0:7f00:1::1",
    "2001:0:c000:201:0:0:8000:fffe",
    "2001:0:808:808:0:0:5601:5601",
    "2001:470::5efe:7f00:1",
    "2001:470::200:5efe:a9fe:a9fe",
]
METADATA = [
    "169.254.169.254",
    "fd00:ec2::254",
    "100.100.100.200",
    "192.0.0.192",
    "::ffff:169.254.169.254",
    "64:ff9b::6464:64c8",
    "2002:a9fe:a9fe::",
]
HARMLESS = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12:3456::1", "fc00::1"]
EVERYTHING = parse_networks(["0.0.0.0/0", "::/0"], "allowed")


def egress(**settings: object) -> Egress:
    config = ValidationConfig(**settings)  # type: ignore[arg-type]
    return Egress(config, FakeClock(), FakeRandomness(), lambda: [("127.0.0.1", 8443), ("::", 8080)])


def target_egress(database_url: str | None = None, **settings: object) -> Egress:
    config = TargetConfig(**settings)  # type: ignore[arg-type]
    own = (("127.0.0.1", 8443), ("::", 8080))
    clock, randomness = FakeClock(), FakeRandomness()
    return Egress(
        ValidationConfig(), clock, randomness, lambda: own, target=config, database_url=database_url
    )


def verify(egress: Egress, kind: EgressClass, text: str, port: int = 80) -> None:
    address = ip_address(text)
    egress.connector(kind).verify_address("name.example", address, port)


@pytest.mark.parametrize("kind", EgressClass)
@pytest.mark.parametrize("text", HOSTILE + METADATA)
def test_a_hostile_address_is_refused_for_every_class(kind: EgressClass, text: str) -> None:
    with pytest.raises(RefusedAddressError):
        verify(egress(), kind, text)


@pytest.mark.parametrize("kind", EgressClass)
@pytest.mark.parametrize("text", HARMLESS + PRIVATE)
def test_a_harmless_address_is_accepted_for_every_class(kind: EgressClass, text: str) -> None:
    verify(egress(), kind, text)


@pytest.mark.parametrize("text", METADATA)
def test_metadata_stays_refused_when_everything_is_allowed(text: str) -> None:
    assert AddressTable(EVERYTHING).refusal(ip_address(text)) == "it is the metadata service of a cloud"


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"]
)
def test_what_is_no_host_stays_refused_when_everything_is_allowed(text: str) -> None:
    assert AddressTable(EVERYTHING).refusal(ip_address(text)) == "it is not the address of a host"


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.8.8", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"])
def test_loopback_is_accepted_once_it_is_allowed_by_name(text: str) -> None:
    verify(egress(allowed_networks=("127.0.0.0/8",)), EgressClass.VALIDATION, text)


def test_what_is_allowed_for_validation_is_allowed_for_no_other_class() -> None:
    with pytest.raises(RefusedAddressError):
        verify(egress(allowed_networks=("127.0.0.0/8",)), EgressClass.TARGET, "127.0.0.1")


def test_targets_have_networks_of_their_own() -> None:
    own = target_egress(allowed_networks=("127.0.0.0/8",), denied_networks=("10.0.0.0/8",))
    verify(own, EgressClass.TARGET, "127.0.0.1", 5432)
    for text in ("10.1.2.3", "64:ff9b::a01:203", "::1", *METADATA):
        with pytest.raises(RefusedAddressError):
            verify(own, EgressClass.TARGET, text, 5432)
    with pytest.raises(RefusedAddressError, match="listener of Keywright itself"):
        verify(own, EgressClass.TARGET, "127.0.0.9", 8080)
    with pytest.raises(RefusedAddressError):
        verify(own, EgressClass.VALIDATION, "127.0.0.1", 80)


def test_allowing_ipv4_loopback_does_not_allow_the_other() -> None:
    with pytest.raises(RefusedAddressError):
        verify(egress(allowed_networks=("127.0.0.0/8",)), EgressClass.VALIDATION, "::1")


@pytest.mark.parametrize("text", ["10.1.2.3", "::ffff:10.1.2.3", "2002:a01:203::", "64:ff9b::a01:203"])
def test_a_denied_network_is_refused_in_every_disguise(text: str) -> None:
    with pytest.raises(RefusedAddressError, match="denied_networks"):
        verify(egress(denied_networks=("10.0.0.0/8",)), EgressClass.VALIDATION, text)


def test_a_denied_network_wins_over_an_allowed_one() -> None:
    table = egress(denied_networks=("127.0.0.2/32",), allowed_networks=("127.0.0.0/8",))
    with pytest.raises(RefusedAddressError):
        verify(table, EgressClass.VALIDATION, "127.0.0.2")


@pytest.mark.parametrize("text", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_our_own_listener_is_refused_even_where_loopback_is_allowed(text: str) -> None:
    with pytest.raises(RefusedAddressError, match="listener of Keywright itself"):
        verify(egress(allowed_networks=("127.0.0.0/8",)), EgressClass.VALIDATION, text, 8443)


@pytest.mark.parametrize("port", [5002, 8444])
def test_another_port_of_our_own_host_is_not_our_listener(port: int) -> None:
    verify(egress(allowed_networks=("127.0.0.0/8",)), EgressClass.VALIDATION, "127.0.0.1", port)


def test_the_same_port_of_another_host_is_not_our_listener() -> None:
    verify(egress(), EgressClass.VALIDATION, "8.8.8.8", 8443)


def test_a_listener_on_every_address_is_refused_on_loopback_too() -> None:
    with pytest.raises(RefusedAddressError, match="listener of Keywright itself"):
        verify(egress(allowed_networks=("127.0.0.0/8",)), EgressClass.VALIDATION, "127.0.0.9", 8080)


@pytest.mark.parametrize("text", [*PRIVATE, "::ffff:10.0.0.1", "2002:a00:1::", "127.0.0.1", "fe80::1"])
def test_private_addresses_are_known(text: str) -> None:
    assert is_private(ip_address(text))


@pytest.mark.parametrize("text", HARMLESS)
def test_public_addresses_are_not_private(text: str) -> None:
    assert not is_private(ip_address(text))


@pytest.mark.parametrize(
    ("text", "embedded"),
    [
        ("64:ff9b::8.8.8.8", "8.8.8.8"),
        ("2002:808:808::1", "8.8.8.8"),
        ("64:ff9b:1:808:8:800::", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
    ],
)
def test_embedded_addresses_are_unfolded(text: str, embedded: str) -> None:
    assert IPv4Address(embedded) in unfold(IPv6Address(text))


def test_teredo_hides_a_server_and_a_client() -> None:
    # RFC 4380 section 4: server 65.54.227.120, client 192.0.2.45, whose bits are inverted
    found = unfold(IPv6Address("2001:0000:4136:e378:8000:63bf:3fff:fdd2"))[1:]
    assert {str(address) for address in found} == {"65.54.227.120", "192.0.2.45"}


def test_a_mapped_address_is_read_as_the_address_it_maps() -> None:
    assert parse_address("::ffff:192.0.2.7") == IPv4Address("192.0.2.7")


def test_a_name_is_no_address() -> None:
    assert parse_address("example.com") is None


@pytest.mark.parametrize("text", ["127.0.0.1/8", "localhost", "10.0.0.0/33", ""])
def test_a_network_that_is_none_is_refused_at_start(text: str) -> None:
    with pytest.raises(ConfigError, match="allowed_networks"):
        egress(allowed_networks=(text,))
    with pytest.raises(ConfigError, match="denied_networks"):
        target_egress(denied_networks=(text,))
