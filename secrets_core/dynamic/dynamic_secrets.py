"""A dynamic secret: where accounts are made on demand, as whom, and for how long they may live."""

import re
from datetime import datetime, timedelta

from msgspec import Struct

from ca_service.kernel.tenancy import Tenant
from secrets_core.dynamic.errors import LifetimeRefusedError, NameRefusedError
from secrets_core.paths import FolderPath

TABLE = "dynamic_secrets"
DEFAULT_TTL = timedelta(hours=1)
DEFAULT_MAX_TTL = timedelta(hours=24)
SHORTEST_TTL = timedelta(seconds=10)
LONGEST_TTL = timedelta(days=90)
#: Live leases of one dynamic secret that one caller may hold.
MOST_LIVE_LEASES = 1000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", re.ASCII)


class DynamicSecret(Struct, frozen=True, kw_only=True):
    """One dynamic secret. `sealed` is its configuration under custody, bound to `version`.

    A deleted one is kept as a tombstone, because its leases go on until their accounts are gone.
    """

    id: str
    tenant: Tenant
    environment: str
    environment_slug: str
    path: FolderPath
    name: str
    provider: str
    target: str
    version: int
    sealed: bytes
    default_ttl: timedelta
    max_ttl: timedelta
    username_template: str
    created_at: datetime
    created_by: str
    updated_at: datetime
    deleted_at: datetime | None = None


def parse_name(text: str) -> str:
    """Return the name. Raises NameRefusedError."""
    if _NAME.fullmatch(text) is None:
        raise NameRefusedError(
            "A dynamic secret's name has 1 to 63 letters, digits, `_`, `-` and `.`, and begins with a "
            "letter, digit or `_`.",
            field="name",
            rule="dynamic-name",
        )
    return text


def verify_lifetimes(default_ttl: timedelta, max_ttl: timedelta) -> None:
    """Return if leases can live like this. Raises LifetimeRefusedError."""
    for field, ttl in (("default_ttl", default_ttl), ("max_ttl", max_ttl)):
        if not SHORTEST_TTL <= ttl <= LONGEST_TTL:
            raise LifetimeRefusedError(
                f"A lease lives from {seconds(SHORTEST_TTL)} s to {LONGEST_TTL.days} days.",
                field=field,
                rule="lease-ttl",
            )
    if default_ttl > max_ttl:
        raise LifetimeRefusedError(
            f"The default is longer than max_ttl, which is {seconds(max_ttl)} s.",
            field="default_ttl",
            rule="lease-max-ttl",
        )


def verify_asked_ttl(ttl: timedelta | None, most: timedelta) -> None:
    """Return if a lease may still live for `ttl`. Raises LifetimeRefusedError, which names the ceiling."""
    if ttl is not None and ttl > most:
        raise LifetimeRefusedError(
            f"This lease can live for at most {seconds(most)} s from now, and {seconds(ttl)} s were asked "
            "for. Ask for less, or leave `ttl` out.",
            field="ttl",
            rule="lease-max-ttl",
        )


def seconds(duration: timedelta) -> int:
    """Return whole seconds, as people are told of durations."""
    return duration // timedelta(seconds=1)
