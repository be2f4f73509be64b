"""The two files of the system that say how names are resolved: /etc/hosts and /etc/resolv.conf."""

from pathlib import Path

from msgspec import Struct

from ca_service.config import ConfigError
from ca_service.egress.addresses import Address, parse_address

HOSTS_FILE = Path("/etc/hosts")
RESOLVER_FILE = Path("/etc/resolv.conf")
_DNS_PORT = 53
_MOST_BYTES = 1 << 20


class NameServer(Struct, frozen=True):
    """A DNS server that is asked."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def parse_name_server(text: str) -> NameServer:
    """Return the server of a setting: `192.0.2.1`, `192.0.2.1:53` or `[2001:db8::1]:53`.

    Raises ConfigError.
    """
    host, port = text, str(_DNS_PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    address = parse_address(host)
    if address is None or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(
            f"configuration: `acme.validation.resolvers` has `{text}`: it must be an address, or address:port"
        )
    return NameServer(str(address), int(port))


def system_name_servers(file: Path = RESOLVER_FILE) -> tuple[NameServer, ...]:
    """Return the name servers of resolv.conf(5); the local one if it names none."""
    servers = []
    for line in _lines(file):
        match line.split():
            case ["nameserver", text, *_]:
                address = parse_address(text)
                if address is not None:
                    servers.append(NameServer(str(address), _DNS_PORT))
    return tuple(servers) or (NameServer("127.0.0.1", _DNS_PORT),)


def addresses_in_hosts(name: str, file: Path = HOSTS_FILE) -> tuple[Address, ...]:
    """Return the addresses that hosts(5) gives a name, IPv6 first; none if it does not know it."""
    found: list[Address] = []
    for line in _lines(file):
        words = line.partition("#")[0].lower().split()
        if len(words) > 1 and name in words[1:]:
            address = parse_address(words[0])
            if address is not None and address not in found:
                found.append(address)
    return tuple(sorted(found, key=lambda address: -address.version))


def _lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
