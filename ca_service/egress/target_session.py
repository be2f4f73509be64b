"""What may be said to a PostgreSQL server once we are logged in: statements, one at a time."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from ca_service.egress.target_place import PostgresqlPlace
from ca_service.kernel.secret_value import SecretValue

#: A row as the server writes it: text, or None for NULL.
TargetRow: TypeAlias = tuple[str | None, ...]


class TargetSession(Protocol):
    """One session at one target, until whoever lent it takes it back.

    Each method raises StatementRefusedError if the target refuses, and TargetLostError if it does not answer
    in time, answers too much or goes away; then nothing more can be said in this session.
    """

    @property
    def server_version(self) -> int:
        """Return the release as a number: 150006 is 15.6."""

    async def run(self, text: str) -> None:
        """Run one statement that is complete."""

    async def rows(self, text: str, *values: str) -> list[TargetRow]:
        """Run one statement with `$1`, `$2`, … bound to the values, and return its rows."""

    def verifier(self, password: SecretValue[str]) -> str:
        """Return what a server keeps of a password (SCRAM-SHA-256, RFC 5803), with a new salt."""


class PostgresqlWay(Protocol):
    """Lends sessions: `egress.target.TargetEgress` is it."""

    def postgresql(self, place: PostgresqlPlace) -> AbstractAsyncContextManager[TargetSession]:
        """Lend a session; see `TargetEgress.postgresql`."""

    def fill(self, template: str, names: Mapping[str, str], texts: Mapping[str, str]) -> str:
        """Return a statement with `{{…}}` replaced; see `target_statement.fill`."""
