"""Accounts at PostgreSQL: a role that is a member of other roles and owns nothing once it has ended.

A membership writes no privilege on any table, so that thousands of leases leave no trace in the catalogs.
The login needs CREATEROLE, from PostgreSQL 16 on also ADMIN OPTION on each role that it grants.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ca_service.egress.target_errors import StatementRefusedError
from ca_service.egress.target_session import PostgresqlWay, TargetSession
from secrets_core.dynamic.errors import AccountGoneError, TargetRefusedError, TargetUnreachableError
from secrets_core.dynamic.providers import postgresql_statements as statements
from secrets_core.dynamic.providers.port import Account, Ending, Recipe, Target
from secrets_core.dynamic.providers.postgresql_config import (
    LONGEST_NAME,
    PROVIDER,
    PostgresqlSettings,
    parse_settings,
    settings_of,
    target_of,
)
from secrets_core.dynamic.providers.postgresql_ending import AccountEnding
from secrets_core.dynamic.providers.postgresql_refusals import UNDEFINED, in_time

_YES = "t"


class PostgresqlProvider:
    """Makes and ends roles; see `port.Provider`."""

    name = PROVIDER
    secret_members = frozenset({"password"})
    longest_username = LONGEST_NAME

    def __init__(self, way: PostgresqlWay) -> None:
        self._way = way

    def parse_config(self, members: Mapping[str, Any]) -> Target:
        return target_of(parse_settings(members))

    def connection(self, target: Target) -> Mapping[str, str | int]:
        settings = settings_of(target)
        return {"host": settings.host, "port": settings.port, "database": settings.database}

    async def verify(self, target: Target) -> None:
        settings = settings_of(target)
        async with in_time(), self._way.postgresql(settings.place()) as session:
            rows = await session.rows(statements.OWN_RIGHTS)
            is_superuser, may_create, inherits, is_standby = (value == _YES for value in rows[0])
            if is_standby:
                raise TargetUnreachableError("The target is a standby, on which no role can be made.")
            if not is_superuser:
                _verify_rights(session, may_create=may_create, inherits=inherits)
            await _verify_roles(session, settings, is_superuser=is_superuser)

    async def create(self, target: Target, account: Account) -> None:
        settings = settings_of(target)
        _verify_name(account.username)
        async with in_time(), self._way.postgresql(settings.place()) as session:
            # The server is given what it would keep of the password, so that no log of its has it.
            texts = {
                "password": session.verifier(account.password),
                "expiration": _moment(account.ends_at),
            }
            names = {"name": account.username, **statements.role_keys(settings.roles)}
            await session.run("BEGIN")
            await session.rows(statements.LOCK_TRANSACTION, statements.lock_key(account.username))
            for template in settings.creation_statements or (statements.create(settings.roles),):
                await session.run(self._way.fill(template, names, texts))
            if settings.creation_statements and not await session.rows(statements.FIND, account.username):
                raise TargetRefusedError("`config.creation_statements` made no role of the name {{name}}.")
            await session.run("COMMIT")

    async def revoke(self, recipe: Recipe) -> Ending:
        async with in_time():
            return await AccountEnding(self._way, settings_of(recipe.target), recipe.username).end()

    async def extend(self, recipe: Recipe, until: datetime) -> None:
        _verify_name(recipe.username)
        settings = settings_of(recipe.target)
        async with in_time(), self._way.postgresql(settings.place()) as session:
            await session.rows(statements.LOCK_SESSION, statements.lock_key(recipe.username))
            try:
                await session.run(
                    self._way.fill(
                        statements.PROLONG, {"name": recipe.username}, {"expiration": _moment(until)}
                    )
                )
            except StatementRefusedError as error:
                if error.sqlstate != UNDEFINED:
                    raise
                raise AccountGoneError(
                    "The account is no longer at the target. Revoke this lease and ask for another."
                ) from None

    async def list_accounts(self, target: Target, prefix: str) -> tuple[str, ...]:
        async with in_time(), self._way.postgresql(settings_of(target).place()) as session:
            rows = await session.rows(statements.LIST, prefix)
        return tuple(row[0] for row in rows if row[0] is not None)


def _verify_rights(session: TargetSession, *, may_create: bool, inherits: bool) -> None:
    """Raises TargetRefusedError."""
    if not may_create:
        raise TargetRefusedError(
            "The login of the configuration may not make roles: `ALTER ROLE … CREATEROLE` at the target.",
            field="config.username",
            rule="createrole",
        )
    if not inherits and not statements.needs_admin_option(session.server_version):
        raise TargetRefusedError(
            "The login of the configuration is NOINHERIT, so it cannot end what an account owns: "
            "`ALTER ROLE … INHERIT` at the target.",
            field="config.username",
            rule="inherit",
        )


async def _verify_roles(session: TargetSession, settings: PostgresqlSettings, *, is_superuser: bool) -> None:
    """Raises TargetRefusedError."""
    found = {row[0]: row for row in await session.rows(statements.ROLES, statements.as_json(settings.roles))}
    for index, role in enumerate(settings.roles):
        _, is_of_superuser, has_admin_option = found[role]
        field = f"config.roles[{index}]"
        if is_of_superuser is None:
            raise TargetRefusedError(f"`{field}` does not exist at the target.", field=field, rule="exists")
        if is_superuser:
            continue
        if is_of_superuser == _YES:
            raise TargetRefusedError(
                f"`{field}` is a superuser, which only a superuser can grant.", field=field, rule="superuser"
            )
        if statements.needs_admin_option(session.server_version) and has_admin_option != _YES:
            raise TargetRefusedError(
                f"The login of the configuration may not grant `{field}`: `GRANT … WITH ADMIN OPTION` to it.",
                field=field,
                rule="admin_option",
            )


def _verify_name(name: str) -> None:
    """Refuse what PostgreSQL would cut off or keep to itself. Raises TargetRefusedError."""
    if not name or len(name.encode()) > LONGEST_NAME or "\0" in name or name.startswith("pg_"):
        raise TargetRefusedError(
            f"A role has a name of 1 to {LONGEST_NAME} bytes that does not begin with pg_.",
            field="username_template",
            rule="role_name",
        )


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="seconds")
