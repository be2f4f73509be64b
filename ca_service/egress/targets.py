"""Where a request of a validation may go: the first address of a challenge, and each redirect after it."""

import re
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from ca_service.config import ValidationConfig
from ca_service.egress.addresses import parse_address

_MOST_URL = 2000
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_PRINTABLE = re.compile(r"[\x21-\x7e]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class TargetRefusedError(ValueError):
    """A redirect that is not followed; the text says why and repeats nothing of the URL."""


class Target(Struct, frozen=True):
    """One request: the scheme, host and port, and what stands in the request line."""

    scheme: str
    host: str
    port: int
    path: str
    #: The port as a URL names it, None for the scheme's own.
    explicit_port: int | None = None

    @property
    def url(self) -> str:
        """Return the URL; the same for the same request."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Return the host as a `Host` header names it (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.explicit_port is None else f"{host}:{self.explicit_port}"


def challenge_target(host: str, path: str, config: ValidationConfig) -> Target:
    """Return the request of an http-01 challenge: port 80, or the one that stands for it in tests."""
    return Target("http", host, config.http_port, path)


def redirect_target(current: Target, location: str | None, config: ValidationConfig) -> Target:
    """Return the request that a redirect asks for. Raises TargetRefusedError."""
    if not location:
        raise TargetRefusedError("the redirect names no location")
    if len(location) > _MOST_URL or not _PRINTABLE.fullmatch(location):
        raise TargetRefusedError(f"the redirect's location is longer than {_MOST_URL} characters, or no URL")
    try:
        if (given := urlsplit(location)).scheme and not given.netloc:
            raise TargetRefusedError("the redirect names no usable host")
        parts = urlsplit(urljoin(current.url, location))
        port, host = parts.port, (parts.hostname or "").lower()
    except TargetRefusedError:
        raise
    except ValueError:
        raise TargetRefusedError("the redirect's location is no URL") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise TargetRefusedError("the redirect leads to a scheme other than http and https")
    if "@" in parts.netloc:
        raise TargetRefusedError("the redirect's location contains credentials")
    if not _is_host(host):
        raise TargetRefusedError("the redirect names no usable host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = config.http_port if parts.scheme == "http" else config.https_port
    if port is None or port == _DEFAULT_PORTS[parts.scheme] == own:
        return Target(parts.scheme, host, own, path)
    if port not in {80, 443, config.http_port, config.https_port}:
        raise TargetRefusedError("the redirect leads to a port other than 80 and 443")
    return Target(parts.scheme, host, port, path, port)


def _is_host(host: str) -> bool:
    if parse_address(host) is not None:
        return True
    # A forgotten slash after the host ("http://$host.well-known/…") is the usual cause of the second.
    return len(host) <= 253 and bool(_HOST.fullmatch(host)) and not host.rstrip(".").endswith("well-known")
