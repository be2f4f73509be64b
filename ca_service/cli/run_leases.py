"""Leases that last as long as a command: taken before it, renewed at half their time, revoked after it."""

import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from ca_service.cli.place import in_environment, in_project
from ca_service.client.errors import ClientError, RefusedError
from ca_service.kernel.randomness import SystemRandomness

#: How soon a renewal that did not arrive is tried again, at the earliest and at the latest, in seconds.
_SOONEST, _LATEST = 1.0, 30.0
#: What PostgreSQL's own programs read (PostgreSQL manual, libpq, "Environment Variables").
_LIBPQ = {
    "host": "PGHOST",
    "port": "PGPORT",
    "database": "PGDATABASE",
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
}


class Api(Protocol):
    """What of the client this needs."""

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON answer of a GET."""

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the JSON answer of a POST."""

    def post_once(self, path: str, body: Mapping[str, Any], query: Mapping[str, Any] | None, key: str) -> Any:
        """Return the JSON answer of a POST that is done once, however often it is sent with this key."""


class Wanted(Struct, frozen=True):
    """A lease that was asked for: of a dynamic secret in a folder; the prefix None is the name's own."""

    name: str
    path: str
    prefix: str | None


class _Held(Struct):
    """A lease that was given. Times are those of the monotonic clock; None: it is not renewed any more."""

    id: str
    name: str
    expires_at: str
    ends: float
    renew_at: float | None


def parse_wanted(text: str, folder: str) -> Wanted | None:
    """Return what `NAME`, `NAME:PREFIX` or `/folder/NAME:PREFIX` asks for; None if it says nothing."""
    place, is_prefixed, prefix = text.partition(":")
    path, has_path, name = place.rpartition("/")
    if not name or (is_prefixed and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix, re.ASCII)):
        return None
    return Wanted(name, (path or "/") if has_path else folder, prefix if is_prefixed else None)


def variables_of(wanted: Wanted, provider: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return what the command finds of a lease: PREFIX_USERNAME, PREFIX_PASSWORD and so on.

    Without a prefix it is the name in capitals; then PostgreSQL's own variables are there too.
    """
    prefix = wanted.prefix or re.sub(r"[^A-Za-z0-9]", "_", wanted.name).upper()
    prefix = f"_{prefix}" if prefix[0].isdigit() else prefix
    found = {f"{prefix}_{key.upper()}": str(value) for key, value in data.items() if value is not None}
    if provider == "postgresql" and wanted.prefix is None:
        found |= {
            _LIBPQ[key]: str(value) for key, value in data.items() if key in _LIBPQ and value is not None
        }
    return found


class HeldLeases:
    """The leases of one command. Every sentence for the person goes to `tell`."""

    def __init__(
        self,
        api: Api,
        project: str,
        tell: Callable[[str], None],
        monotonic: Callable[[], float],
        *,
        ttl: str | None = None,
    ) -> None:
        self._api = api
        self._project = project
        self._tell = tell
        self._monotonic = monotonic
        self._body = {} if ttl is None else {"ttl": ttl}
        self._held: list[_Held] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, environment: str, wanted: Wanted) -> dict[str, str]:
        """Take one lease and return its variables. Raises ClientError."""
        place = (self._project, environment, "dynamic-secrets", wanted.name)
        query = {"path": wanted.path}
        provider = self._api.get(in_environment(*place), query)["provider"]
        # An account whose answer was lost would live on without anybody who knows it.
        key = SystemRandomness().token_bytes(16).hex()
        answer = self._api.post_once(in_environment(*place, "leases"), self._body, query, key)
        # By this machine's own clock, whatever time it is at the server.
        now, seconds = self._monotonic(), float(answer["ttl"])
        ends_at = str(answer["expires_at"])
        self._held.append(
            _Held(str(answer["lease_id"]), wanted.name, ends_at, now + seconds, now + seconds / 2)
        )
        return variables_of(wanted, provider, answer["data"])

    def keep(self) -> None:
        """Renew the leases from now on, in a thread of its own, until they are given back."""
        self._thread = threading.Thread(target=self._renew_until_the_end, name="leases", daemon=True)
        self._thread.start()

    def renew_due(self) -> float | None:
        """Renew what is due; return how many seconds from now the next is, None if none ever is."""
        for held in self._held:
            if held.renew_at is not None and held.renew_at <= self._monotonic():
                self._renew(held)
        waiting = [held.renew_at for held in self._held if held.renew_at is not None]
        return max(0.0, min(waiting) - self._monotonic()) if waiting else None

    def give_back(self) -> None:
        """Revoke all of them; of one that stays, tell until when."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        for held in self._held:
            try:
                answer = self._api.post(in_project(self._project, "leases", held.id, "revoke"))
            except ClientError as error:
                self._tell(
                    f"the lease {held.id} of {held.name} could not be revoked ({error}): it ends by itself "
                    f"at {held.expires_at}, or by keywright lease revoke {held.id}"
                )
            else:
                if answer["status"] != "revoked":
                    self._tell(
                        f"the lease {held.id} of {held.name} is being revoked: keywright lease show {held.id}"
                    )
        self._held.clear()

    def _renew_until_the_end(self) -> None:
        while (seconds := self.renew_due()) is not None:
            if self._ended.wait(seconds):
                return

    def _renew(self, held: _Held) -> None:
        before = held.expires_at
        try:
            answer = self._api.post(in_project(self._project, "leases", held.id, "renew"), self._body)
        except RefusedError as error:
            if error.status in (429, 503):
                self._try_again(held, str(error))
            else:
                held.renew_at = None
                self._tell(f"the lease of {held.name} ends at {before} and is not renewed: {error}")
        except ClientError as error:
            self._try_again(held, str(error))
        else:
            held.expires_at = str(answer["expires_at"])
            gained = datetime.fromisoformat(held.expires_at) - datetime.fromisoformat(before)
            held.ends += gained.total_seconds()
            now = self._monotonic()
            held.renew_at = now + max((held.ends - now) / 2, _SOONEST)
            if held.expires_at in (before, answer["max_expires_at"]):
                held.renew_at = None
                self._tell(f"the lease of {held.name} ends at {held.expires_at}, which was its last renewal")

    def _try_again(self, held: _Held, why: str) -> None:
        remaining = held.ends - self._monotonic()
        if remaining <= 0:
            held.renew_at = None
            self._tell(f"the lease of {held.name} has ended while it could not be renewed: {why}")
        else:
            held.renew_at = self._monotonic() + min(max(remaining / 2, _SOONEST), _LATEST)
