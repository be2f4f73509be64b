"""Which hosts we answer for; a request that names another is misdirected (S9, RFC 9110 section 15.5.20)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from ca_service.kernel.errors import MalformedError, MisdirectedError

_ALWAYS = ("localhost", "127.0.0.1", "::1")


class OwnHosts:
    """The hosts of our public URLs and listeners. The port does not count: it may be forwarded."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(_canonical(name) for name in (*names, *_ALWAYS))

    def verify(self, headers: Sequence[tuple[bytes, bytes]], http_version: str) -> None:
        """Raise MisdirectedError for a foreign `Host`, MalformedError for none or several."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and http_version != "1.0"):
            raise MalformedError("Send exactly one Host header.", field="Host", rule="host")
        if hosts and host_name(hosts[0]) not in self._names:
            raise MisdirectedError(
                "This server does not answer for that host; use the address of its public URL."
            )


@lru_cache(maxsize=1024)
def host_name(value: bytes) -> str:
    """Return the canonical host of a `Host` header, without its port."""
    text = value.decode("latin-1").strip()
    if text.startswith("["):
        return _canonical(text[1:].partition("]")[0])
    return _canonical(text.partition(":")[0])


def _canonical(name: str) -> str:
    lowered = name.strip().lower().rstrip(".")
    try:
        return str(ip_address(lowered))
    except ValueError:
        return lowered


def host_of_url(url: str) -> str:
    """Return the host of one of our own URLs."""
    return _canonical(urlsplit(url).hostname or "")
