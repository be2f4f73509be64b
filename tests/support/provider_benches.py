"""What the contract suite of providers needs of each: a target it may use, and a look at it from outside."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg

from secrets_core.dynamic.providers.port import Account, Provider
from secrets_core.dynamic.providers.postgresql import PostgresqlProvider
from tests.support.challenge_host import free_port
from tests.support.target_postgresql import HOST, ROOT, SUPERUSER, TargetServer, way_to_targets


class ProviderBench(ABC):
    """One provider before one target; `config` is one that works."""

    provider: Provider
    config: Mapping[str, Any]
    #: Members that make the same configuration fail for good: a person must act.
    refused: tuple[Mapping[str, Any], ...]
    #: Members with which nobody answers.
    unreachable: Mapping[str, Any]
    #: Values that no text may show.
    secrets: tuple[str, ...]

    @abstractmethod
    def session(self, account: Account) -> AbstractContextManager[Callable[[], bool]]:
        """Log in as an account and lend what tells whether that session still works; OSError if refused."""

    @abstractmethod
    def accounts(self) -> set[str]:
        """Return all accounts at the target but those that were there before."""

    @abstractmethod
    def log(self) -> str:
        """Return what the target wrote down of all this, where it writes anything down."""

    @abstractmethod
    def clear(self) -> None:
        """Take away what a test left."""


class PostgresqlBench(ProviderBench):
    """The provider `postgresql`, as a login that has CREATEROLE or is a superuser."""

    def __init__(self, server: TargetServer, root: str) -> None:
        self._server = server
        self.provider = PostgresqlProvider(way_to_targets())
        self.config = server.config(username=root)
        self.refused = (
            {"password": "not the right one"},
            {"database": "no_such_database"},
            {"roles": ["no_such_role"]},
        )
        self.unreachable = {"port": free_port()}
        self.secrets = (str(self.config["password"]), "not the right one")

    @contextmanager
    def session(self, account: Account):  # type: ignore[no-untyped-def]
        login = {"user": account.username, "password": account.password.reveal()}
        try:
            with self._server.session(**login) as session:
                yield lambda: _works(session)
        except psycopg.OperationalError as error:
            raise OSError("refused") from error

    def accounts(self) -> set[str]:
        return self._server.accounts()

    def log(self) -> str:
        return self._server.log()

    def clear(self) -> None:
        self._server.drop_accounts()


BENCHES: Mapping[str, Callable[[TargetServer], ProviderBench]] = {
    "postgresql-createrole": lambda server: PostgresqlBench(server, ROOT),
    "postgresql-superuser": lambda server: PostgresqlBench(server, SUPERUSER),
}


def _works(session: psycopg.Connection[Any]) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


__all__ = ["BENCHES", "HOST", "PostgresqlBench", "ProviderBench"]
