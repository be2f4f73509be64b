"""Accounts at a real PostgreSQL: what they may do, what becomes of what they made, what failures say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.errors import TargetRefusedError
from secrets_core.dynamic.providers.port import Account, Ending, Recipe, Target
from secrets_core.dynamic.providers.postgresql import PostgresqlProvider
from tests.support.target_postgresql import ROOT, SUPERUSER, TargetServer, way_to_targets

NAME = "kw-lease-one"
PASSWORD = "leased"
CREATION = "CREATE ROLE {{name}} LOGIN PASSWORD {{password}} VALID UNTIL {{expiration}}"


@pytest.fixture(autouse=True)
def clean(target_server: TargetServer) -> Iterator[None]:
    yield
    target_server.restore()


@pytest.fixture(params=[ROOT, SUPERUSER])
def target(request: pytest.FixtureRequest, target_server: TargetServer) -> Target:
    return provider().parse_config(target_server.config(username=request.param))


def provider() -> PostgresqlProvider:
    return PostgresqlProvider(way_to_targets())


def account(name: str = NAME) -> Account:
    return Account(name, SecretValue(PASSWORD), datetime.now(UTC) + timedelta(hours=1))


def owners(server: TargetServer, database: str) -> set[tuple[str, str]]:
    """Return (relation, owner) of what stands in the schema `stock`."""
    return {
        (row[0], row[1])
        for row in server.run(
            "SELECT relname, pg_get_userbyid(relowner) FROM pg_class"
            " WHERE relnamespace = 'stock'::regnamespace AND relkind = 'r'",
            database,
        )
    }


async def test_an_account_has_the_rights_of_its_roles_and_no_table_knows_it(
    target: Target, target_server: TargetServer
) -> None:
    await provider().create(target, account())
    with target_server.session(user=NAME, password=PASSWORD) as session:
        session.execute("INSERT INTO stock.items VALUES (1)")
        assert session.execute("SELECT id FROM stock.items").fetchall() == [(1,)]
    grants = target_server.run("SELECT relacl::text FROM pg_class WHERE relname = 'items'", "app")
    assert NAME not in grants[0][0]


async def test_what_an_account_made_in_any_database_is_given_to_the_login_of_the_configuration(
    target: Target, target_server: TargetServer
) -> None:
    await provider().create(target, account())
    for database in ("app", "other"):
        with target_server.session(database, user=NAME, password=PASSWORD) as session:
            session.execute("CREATE TABLE stock.made (id int)")
            session.execute("GRANT SELECT ON stock.made TO app_read")
            session.execute("CREATE FUNCTION stock.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            session.execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app_read")
    assert await provider().revoke(Recipe(target, NAME)) is Ending.REVOKED
    root = _root_of(target)
    for database in ("app", "other"):
        assert ("made", root) in owners(target_server, database)
    assert target_server.accounts() == set()


async def test_what_others_granted_to_an_account_does_not_keep_it(target_server: TargetServer) -> None:
    target = provider().parse_config(target_server.config(username=SUPERUSER))
    await provider().create(target, account())
    target_server.run_on(NAME, "GRANT ALL ON stock.items TO {}", "other")
    target_server.run_on(NAME, "GRANT ALL ON DATABASE other TO {}")
    target_server.run_on(NAME, "CREATE POLICY p ON stock.items TO {}", "other")
    assert await provider().revoke(Recipe(target, NAME)) is Ending.REVOKED


async def test_what_only_a_superuser_could_take_from_an_account_needs_a_person(
    target_server: TargetServer,
) -> None:
    target = provider().parse_config(target_server.config())
    await provider().create(target, account())
    target_server.run_on(NAME, "GRANT ALL ON stock.items TO {}", "other")
    with pytest.raises(TargetRefusedError, match="pg_shdepend"):
        await provider().revoke(Recipe(target, NAME))
    target_server.run_on(NAME, "REVOKE ALL ON stock.items FROM {}", "other")
    assert await provider().revoke(Recipe(target, NAME)) is Ending.REVOKED


async def test_a_database_of_its_own_does_not_keep_an_account(
    target: Target, target_server: TargetServer
) -> None:
    await provider().create(target, account())
    target_server.run("CREATE DATABASE of_its_own")
    try:
        target_server.run_on(NAME, "ALTER DATABASE of_its_own OWNER TO {}")
        assert await provider().revoke(Recipe(target, NAME)) is Ending.REVOKED
        found = target_server.run(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'of_its_own'"
        )
        assert found == [(_root_of(target),)]
    finally:
        target_server.run("DROP DATABASE of_its_own")


async def test_a_session_with_an_open_transaction_is_ended(
    target: Target, target_server: TargetServer
) -> None:
    await provider().create(target, account())
    with target_server.session(user=NAME, password=PASSWORD) as session:
        session.execute("BEGIN")
        session.execute("CREATE TABLE stock.never (id int)")
        session.execute("LOCK TABLE stock.items IN ROW EXCLUSIVE MODE")
        assert await provider().revoke(Recipe(target, NAME)) is Ending.REVOKED
        with pytest.raises(psycopg.OperationalError):
            session.execute("COMMIT")
    assert {relation for relation, _ in owners(target_server, "app")} == {"items"}


async def test_an_end_that_was_begun_elsewhere_is_finished(
    target: Target, target_server: TargetServer
) -> None:
    await provider().create(target, account())
    with target_server.session(user=NAME, password=PASSWORD) as session:
        session.execute("CREATE TABLE stock.made (id int)")
    target_server.run_on(NAME, "ALTER ROLE {} NOLOGIN")
    target_server.run_on(NAME, "GRANT {} TO kw_root, kw_super")
    assert await provider().revoke(Recipe(target, NAME)) is Ending.REVOKED
    assert target_server.accounts() == set()


async def test_names_and_passwords_never_end_their_quotes(
    target: Target, target_server: TargetServer
) -> None:
    for name in ('a"; DROP ROLE app_read; --', "it's", "back\\slash", "Ünlaut {{password}}", "$$"):
        hostile = Account(name, SecretValue(f"'; {name} \\"), datetime.now(UTC) + timedelta(hours=1))
        await provider().create(target, hostile)
        with target_server.session(user=name, password=f"'; {name} \\") as session:
            assert session.execute("SELECT current_user").fetchone() == (name,)
        assert await provider().list_accounts(target, name) == (name,)
        assert await provider().revoke(Recipe(target, name)) is Ending.REVOKED
    assert target_server.run("SELECT count(*) FROM pg_roles WHERE rolname = 'app_read'") == [(1,)]


@pytest.mark.parametrize("name", ["", "x" * 64, "pg_lease", "ü" * 32])
async def test_a_name_that_postgresql_would_change_is_refused(target_server: TargetServer, name: str) -> None:
    target = provider().parse_config(target_server.config())
    with pytest.raises(TargetRefusedError):
        await provider().create(target, account(name))
    assert target_server.accounts() == set()


async def test_statements_of_ones_own_make_and_unmake_an_account(
    target: Target, target_server: TargetServer
) -> None:
    own = _with(
        target_server,
        target,
        creation_statements=[CREATION, "GRANT app_read TO {{name}}", "CREATE SCHEMA {{name}}"],
        revocation_statements=["DROP SCHEMA {{name}}"],
    )
    if _root_of(target) == ROOT:
        target_server.run("GRANT CREATE ON DATABASE app TO kw_root")
    await provider().create(own, account())
    with target_server.session(user=NAME, password=PASSWORD) as session:
        session.execute("SELECT id FROM stock.items")
    assert await provider().revoke(Recipe(own, NAME)) is Ending.REVOKED
    schemas = target_server.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kw-%'", "app")
    assert schemas == []


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([CREATION, "GRANT no_such_role TO {{name}}"], "42704"),
        ([CREATION, "GRANT app_read TOO {{name}}"], "42601"),
        ([CREATION, "GRANT SELECT ON items TO {{name}}"], "with their schema"),
        ([CREATION, "SELECT 1; SELECT 2"], "42601"),
        ([CREATION, "SELECT {{password}} COLLATE nowhere"], "SQLSTATE"),
        (["DO {{name}} {{password}}"], "SQLSTATE"),
        (["SELECT {{password}} AS {{name}}"], "made no role"),
        ([CREATION.replace("{{name}}", "other"), "SELECT 1 -- {{name}}"], "made no role"),
    ],
)  # fmt: skip
async def test_a_statement_that_fails_leaves_no_account_and_says_no_secret(
    target_server: TargetServer, statements: list[str], says: str
) -> None:
    target = provider().parse_config(target_server.config(roles=[], creation_statements=statements))
    with pytest.raises(TargetRefusedError) as refusal:
        await provider().create(target, account())
    assert says in refusal.value.detail
    assert not [word for word in (PASSWORD, "SCRAM", "GRANT", "CREATE ROLE") if word in refusal.value.detail]
    assert target_server.accounts() == set()


async def test_a_login_that_may_not_make_roles_is_told_what_it_lacks(target_server: TargetServer) -> None:
    cases = (
        ("ALTER ROLE kw_root NOCREATEROLE", "CREATEROLE", "ALTER ROLE kw_root CREATEROLE"),
        ("ALTER ROLE kw_root NOINHERIT", "INHERIT", "ALTER ROLE kw_root INHERIT"),
        ("ALTER ROLE app_read SUPERUSER", "superuser", "ALTER ROLE app_read NOSUPERUSER"),
    )
    target = provider().parse_config(target_server.config())
    for lack, says, mend in cases:
        target_server.run(lack)
        try:
            with pytest.raises(TargetRefusedError, match=says):
                await provider().verify(target)
        finally:
            target_server.run(mend)
    await provider().verify(target)


async def test_what_cannot_be_given_away_keeps_its_account_without_a_login(
    target_server: TargetServer,
) -> None:
    target = provider().parse_config(target_server.config())
    await provider().create(target, account())
    with target_server.session(user=NAME, password=PASSWORD) as session:
        session.execute("CREATE FUNCTION stock.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    target_server.run("REVOKE CREATE ON SCHEMA stock FROM kw_root, app_write", "app")
    with pytest.raises(TargetRefusedError, match="CREATE on the schemas"):
        await provider().revoke(Recipe(target, NAME))
    with pytest.raises(psycopg.OperationalError), target_server.session(user=NAME, password=PASSWORD):
        pass
    target_server.run("GRANT CREATE ON SCHEMA stock TO kw_root", "app")
    assert await provider().revoke(Recipe(target, NAME)) is Ending.REVOKED


def _root_of(target: Target) -> str:
    return SUPERUSER if SUPERUSER.encode() in target.settings.reveal() else ROOT


def _with(server: TargetServer, target: Target, **members: Any) -> Target:
    return provider().parse_config(server.config(username=_root_of(target), roles=[], **members))
