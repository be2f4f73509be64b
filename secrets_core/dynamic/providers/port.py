"""The port of a provider: what makes, prolongs, lists and ends accounts at one kind of target.

Everything about an account is chosen before the target is asked: its name, password and end. So whoever finds
the lease's row can end the account, whether or not anybody lived to see it made.

Every coroutine here is bounded in time by `TIMEOUT` in all, connecting included, and leaves nothing running
at the target when that is over. Each raises `TargetUnreachableError` where the same call may succeed later
(no connection, a timeout, a target that is starting, full or read-only, a deadlock), and `TargetRefusedError`
where a person must change something first (password wrong, right missing, unknown role). The detail of both
names what to do, is fit for the trail and for callers, and holds no secret.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from ca_service.kernel.secret_value import SecretValue

#: The longest that one call of a provider takes, whatever the target does.
TIMEOUT = timedelta(seconds=20)


class Target(Struct, frozen=True):
    """A parsed configuration: where accounts are made, and as whom.

    `key` names the target without a secret, for instance `postgresql://db.internal:5432/app`: calls to the
    same key share a circuit breaker and a bound of concurrency. `settings` is the whole configuration, secret
    members included, as a JSON object with the members of the request; it is sealed before it reaches a
    table.
    """

    provider: str
    key: str
    settings: SecretValue[bytes]


class Account(Struct, frozen=True):
    """An account to be made. `ends_at` is when the target itself should refuse it, where a target can."""

    username: str
    password: SecretValue[str]
    ends_at: datetime


class Recipe(Struct, frozen=True):
    """What it takes to end one account: kept sealed with its lease, so that no later change can break it."""

    target: Target
    username: str


class Ending(StrEnum):
    """How an account was found when it was to be ended: both mean that it is not there any more."""

    REVOKED = "revoked"
    GONE = "gone"


class Provider(Protocol):
    """Makes and ends accounts at one kind of target."""

    @property
    def name(self) -> str:
        """Return the word for it in configurations: `postgresql`."""

    @property
    def secret_members(self) -> frozenset[str]:
        """Return the members of the configuration that are never shown."""

    @property
    def longest_username(self) -> int:
        """Return how many bytes a name at the target has at most."""

    def parse_config(self, members: Mapping[str, Any]) -> Target:
        """Return the configuration, checked: strict about unknown members, every member bounded.

        Raises ConfigurationRefusedError with the member as field (`config.host`). Parsing what `settings` of
        an accepted configuration holds gives an equal target.
        """

    def connection(self, target: Target) -> Mapping[str, str | int]:
        """Return what a client needs beside name and password: host, port, database."""

    async def verify(self, target: Target) -> None:
        """Return if accounts could be made there now: it connects, logs in and looks at its own rights."""

    async def create(self, target: Target, account: Account) -> None:
        """Make the account whole, or not at all. One of this name that exists already is a refusal."""

    async def revoke(self, recipe: Recipe) -> Ending:
        """End the account: its sessions, what it owns, and itself. Absence is a success, and told as GONE.

        Doing it again, at once or concurrently, is harmless.
        """

    async def extend(self, recipe: Recipe, until: datetime) -> None:
        """Move the end that the target itself enforces. Raises AccountGoneError if there is no account."""

    async def list_accounts(self, target: Target, prefix: str) -> tuple[str, ...]:
        """Return the names of all accounts whose names begin with exactly these characters."""
