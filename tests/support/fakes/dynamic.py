"""A provider whose target is a dictionary: it can be down, refuse, die under a call, or be slow."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.errors import (
    AccountGoneError,
    ConfigurationRefusedError,
    TargetRefusedError,
    TargetUnreachableError,
)
from secrets_core.dynamic.providers.port import Account, Ending, Recipe, Target

NAME = "fake"
CONFIG = {"host": "db.test", "password": "canary-root-password"}
_MEMBERS = {"host", "password", "role"}


class DyingError(BaseException):
    """The process dies here, as by a kill: nothing of it runs any more."""


class FakeProvider:
    """It implements `providers.port.Provider`. `accounts` are those at each target, with their ends."""

    name = NAME
    secret_members = frozenset({"password"})
    longest_username = 63

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, datetime]] = {}
        self.passwords: dict[str, str] = {}
        #: How often each coroutine was called, by its name.
        self.calls: dict[str, int] = {}
        self.is_down = False
        self.root_password: str | None = None
        #: Runs inside a call, once its work is done: `dies` by it, or waits.
        self.after: dict[str, Callable[[], Awaitable[None]]] = {}

    def parse_config(self, members: Mapping[str, Any]) -> Target:
        unknown = sorted(members.keys() - _MEMBERS)
        if unknown:
            raise ConfigurationRefusedError("There is no such member.", field=f"config.{unknown[0]}")
        if not all(isinstance(value, str) for value in members.values()) or "host" not in members:
            raise ConfigurationRefusedError("The host is text.", field="config.host")
        return Target(NAME, f"fake://{members['host']}", SecretValue(msgspec.json.encode(members)))

    def connection(self, target: Target) -> Mapping[str, str | int]:
        return {"host": _settings(target)["host"], "port": 5432, "database": "app"}

    async def verify(self, target: Target) -> None:
        await self._called("verify", target)

    async def create(self, target: Target, account: Account) -> None:
        self._look(target, "create")
        accounts = self._at(target)
        if account.username in accounts or _settings(target).get("role") == "unknown":
            raise TargetRefusedError("There is no such role at the target, or the account exists.")
        accounts[account.username] = account.ends_at
        self.passwords[account.username] = account.password.reveal()
        await self._then("create")

    async def revoke(self, recipe: Recipe) -> Ending:
        self._look(recipe.target, "revoke")
        found = self._at(recipe.target).pop(recipe.username, None)
        await self._then("revoke")
        return Ending.GONE if found is None else Ending.REVOKED

    async def extend(self, recipe: Recipe, until: datetime) -> None:
        self._look(recipe.target, "extend")
        if recipe.username not in self._at(recipe.target):
            raise AccountGoneError("The account is not at the target any more.")
        self._at(recipe.target)[recipe.username] = until
        await self._then("extend")

    async def list_accounts(self, target: Target, prefix: str) -> tuple[str, ...]:
        await self._called("list_accounts", target)
        return tuple(name for name in self._at(target) if name.startswith(prefix))

    def die_after(self, call: str) -> None:
        """Let the process die once this call has done its work."""

        async def die() -> None:
            raise DyingError

        self.after[call] = die

    def _at(self, target: Target) -> dict[str, datetime]:
        return self.accounts.setdefault(target.key, {})

    async def _called(self, call: str, target: Target) -> None:
        self._look(target, call)
        await self._then(call)

    def _look(self, target: Target, call: str) -> None:
        self.calls[call] = self.calls.get(call, 0) + 1
        if self.is_down:
            raise TargetUnreachableError("The target refused the connection.")
        if self.root_password not in {None, _settings(target).get("password")}:
            raise TargetRefusedError("The target refused the password; give the configuration the new one.")

    async def _then(self, call: str) -> None:
        follow = self.after.get(call)
        if follow is not None:
            await follow()


def _settings(target: Target) -> dict[str, str]:
    found: dict[str, str] = msgspec.json.decode(target.settings.reveal())
    return found
