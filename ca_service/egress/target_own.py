"""Where our own database listens, so that nobody leases users of it unless the administrator says so (S4)."""

import asyncio
from collections.abc import Iterable
from socket import SOCK_STREAM, gaierror

from msgspec import Struct

from ca_service.egress.addresses import parse_address

_DEFAULT_PORT = 5432
#: A server behind a Unix socket is one of this machine, whichever of its addresses it has.
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, never listened on


class _Seat(Struct, frozen=True):
    """A host of the database's URL, as it stands there, and its port."""

    host: str
    port: int


class OwnDatabase:
    """The server that `database.url` names; SQLite has none."""

    def __init__(self, database_url: str | None) -> None:
        self._url = database_url
        self._seats: tuple[_Seat, ...] | None = None

    def known_places(self) -> tuple[tuple[str, int], ...]:
        """Return the (address, port) pairs that need no lookup."""
        places: list[tuple[str, int]] = []
        for seat in self._all_seats():
            if not seat.host or seat.host.startswith(("/", "@")):
                places += [(address, seat.port) for address in _EVERY_ADDRESS]
            elif parse_address(seat.host) is not None:
                places.append((seat.host, seat.port))
        return tuple(places)

    async def places(self) -> tuple[tuple[str, int], ...]:
        """Return all pairs; names are looked up as the database's driver does.

        A name that has no address now is left out: nothing can be reached by it.
        """
        places = list(self.known_places())
        for seat in self._all_seats():
            if seat.host and not seat.host.startswith(("/", "@")) and parse_address(seat.host) is None:
                places += [(address, seat.port) for address in await _look_up(seat)]
        return tuple(places)

    def _all_seats(self) -> tuple[_Seat, ...]:
        if self._seats is None:
            is_server = self._url is not None and self._url.startswith(("postgresql://", "postgres://"))
            self._seats = tuple(_seats_of(self._url)) if is_server and self._url is not None else ()
        return self._seats


def _seats_of(url: str) -> Iterable[_Seat]:
    """Yield each host of a URL; what it leaves out comes from the environment, as for the connection."""
    from psycopg.pq import Conninfo

    defaults = {option.keyword: option.val for option in Conninfo.get_defaults()}
    given = {option.keyword: option.val for option in Conninfo.parse(url.encode())}

    def told(name: bytes) -> list[str]:
        return (given.get(name) or defaults.get(name) or b"").decode().split(",")

    ports = told(b"port")
    hosts = told(b"hostaddr") if any(told(b"hostaddr")) else told(b"host")
    for index, host in enumerate(hosts):
        port = ports[index] if index < len(ports) else ports[0]
        yield _Seat(host.strip(), int(port or _DEFAULT_PORT))


async def _look_up(seat: _Seat) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(seat.host, seat.port, type=SOCK_STREAM)
    except gaierror:
        return []
    return [str(address[0]) for *_, address in found]
