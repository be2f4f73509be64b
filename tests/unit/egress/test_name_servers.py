"""Which name servers are asked, and what /etc/hosts says first."""

from pathlib import Path

import pytest

from ca_service.config import ConfigError
from ca_service.egress.hosts import NameServer, addresses_in_hosts, parse_name_server, system_name_servers
from ca_service.egress.resolver import Resolver
from tests.support.fakes.kernel import FakeRandomness


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1:8053", NameServer("127.0.0.1", 8053)),
        ("192.0.2.1", NameServer("192.0.2.1", 53)),
        ("2001:db8::1", NameServer("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", NameServer("2001:db8::1", 5353)),
        ("[2001:db8::1]", NameServer("2001:db8::1", 53)),
    ],
)
def test_a_resolver_is_an_address_with_or_without_a_port(text: str, server: NameServer) -> None:
    assert parse_name_server(text) == server


@pytest.mark.parametrize(
    "text", ["", "ns.example", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "[::1]:x"]
)
def test_a_resolver_that_is_none_is_refused_at_start(text: str) -> None:
    with pytest.raises(ConfigError, match="resolvers"):
        parse_name_server(text)


def test_the_systems_name_servers_are_read(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# comment\nsearch example.com\nnameserver 192.0.2.1\nnameserver ::1%lo\nnameserver x\n")
    assert [str(server) for server in system_name_servers(file)] == ["192.0.2.1:53", "[::1]:53"]


def test_a_system_without_name_servers_has_one_of_its_own(tmp_path: Path) -> None:
    assert system_name_servers(tmp_path / "missing") == (NameServer("127.0.0.1", 53),)


def test_hosts_names_are_found_ipv6_first(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("192.0.2.1 web web.example # web2\n2001:db8::1\tWeb\n192.0.2.9 other\n")
    assert [str(address) for address in addresses_in_hosts("web", file)] == ["2001:db8::1", "192.0.2.1"]


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "x.y.localhost"])
async def test_localhost_is_always_this_machine(name: str) -> None:
    addresses = await Resolver(("192.0.2.1",), FakeRandomness()).addresses(name)
    assert [str(address) for address in addresses] == ["::1", "127.0.0.1"]


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_is_its_own(text: str) -> None:
    assert [str(found) for found in await Resolver((), FakeRandomness()).addresses(text)] == [text]
