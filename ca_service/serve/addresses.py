"""Where the listeners are bound, and by which URLs the world knows them."""

import socket  # noqa: TID251 - listening, not going out
from ipaddress import ip_address
from urllib.parse import urlsplit

from msgspec import Struct

from ca_service.config import ConfigError, ServerConfig
from ca_service.web.client_address import parse_networks

_DEFAULT_PORTS = {"https": 443, "http": 80}


class Listen(Struct, frozen=True):
    """A host and a port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_wildcard(self) -> bool:
        """Tell whether every address of this machine is meant."""
        try:
            return ip_address(self.host).is_unspecified
        except ValueError:
            return False

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class PublicUrls(Struct, frozen=True):
    """The URLs of both listeners, without a trailing slash."""

    tls: str
    plain: str


def parse_listen(text: str, setting: str) -> Listen:
    """Return `HOST:PORT` or `[HOST]:PORT`. Raises ConfigError that names the setting."""
    host, separator, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        separator = ""
    is_number = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if not (host and separator and is_number):
        raise ConfigError(f"`{setting}` is HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443, not `{text}`")
    return Listen(host, int(port))


def listens_of(server: ServerConfig) -> list[tuple[str, Listen]]:
    """Return setting and address of each listener: TLS, plain, and measurements where they have one.

    Raises ConfigError that names the setting.
    """
    texts = {
        "server.listen": server.listen,
        "server.plain_listen": server.plain_listen,
        "server.metrics_listen": server.metrics_listen,
    }
    return [(setting, parse_listen(text, setting)) for setting, text in texts.items() if text is not None]


def verify_server_config(server: ServerConfig) -> None:
    """Refuse what cannot work before anything is made. Raises ConfigError that names the setting."""
    urls = {"server.listen": "public_url", "server.plain_listen": "plain_public_url"}
    for setting, listen in listens_of(server)[:2]:
        if listen.is_wildcard and (server.public_url is None or server.plain_public_url is None):
            raise ConfigError(
                f"`{setting}` listens on every address, so nobody can tell which name clients use: set both "
                "`server.public_url` (--public-url) and `server.plain_public_url`"
            )
        url = getattr(server, urls[setting])
        if url is not None:
            parse_public_url(
                url, f"server.{urls[setting]}", "https" if urls[setting] == "public_url" else "http"
            )
    try:
        parse_networks(server.trusted_proxies)
    except ValueError as error:
        raise ConfigError(f"`server.trusted_proxies`: {error}") from error


def parse_public_url(url: str, setting: str, scheme: str) -> str:
    """Return the URL without a trailing slash. Raises ConfigError that names the setting."""
    try:
        parts = urlsplit(url)
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password or parts.port == 0)
        if parts.scheme == scheme and parts.hostname and parts.path in {"", "/"} and is_plain:
            return url.rstrip("/")
    except ValueError:
        pass
    raise ConfigError(f"`{setting}` is {scheme}://HOST[:PORT] and nothing more, not `{url}`")


def bind(listen: Listen, setting: str) -> socket.socket:
    """Return a bound socket that does not listen yet. Raises ConfigError with what the system said."""
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # A name such as localhost may stand for several addresses; IPv4 is what most clients try.
        family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {shown(listen)}: {error.strerror}; choose another address with `{setting}`"
        ) from error
    return bound


def bound_to(listen: Listen, bound: socket.socket) -> Listen:
    """Return the address with the port that the system gave."""
    return Listen(listen.host, bound.getsockname()[1])


def shown(listen: Listen) -> str:
    """Return the address as people and URLs write it."""
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{host}:{listen.port}"


def url_of(scheme: str, listen: Listen) -> str:
    """Return the URL of a listener that nobody gave a public one."""
    if listen.port == _DEFAULT_PORTS[scheme]:
        return f"{scheme}://{shown(listen).rpartition(':')[0]}"
    return f"{scheme}://{shown(listen)}"


def public_urls(server: ServerConfig, tls: Listen, plain: Listen) -> PublicUrls:
    """Return the URLs of both listeners; the configured ones were verified."""
    return PublicUrls(
        tls=(server.public_url or url_of("https", tls)).rstrip("/"),
        plain=(server.plain_public_url or url_of("http", plain)).rstrip("/"),
    )
