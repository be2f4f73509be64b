"""What libpq is told of a target, and where our own database is taken to listen."""

import asyncio
from ipaddress import ip_address
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from ca_service.config import ConfigError, TargetConfig
from ca_service.egress.target_conninfo import conninfo_of
from ca_service.egress.target_own import OwnDatabase
from ca_service.egress.target_place import PostgresqlPlace, TargetTls
from ca_service.egress.target_statement import fill, placeholders_of
from ca_service.kernel.secret_value import SecretValue


def told(tls: TargetTls = TargetTls.VERIFY_FULL, **settings: object) -> dict[str, object]:
    place = PostgresqlPlace(
        host="db.example",
        database="it's",
        username="root \\",
        password=SecretValue("p'w\\ d sslmode=disable"),
        tls=tls,
    )
    config = TargetConfig(**settings)  # type: ignore[arg-type]
    return dict(conninfo_to_dict(conninfo_of(place, ip_address("10.0.0.7"), config).decode()))


def test_the_environment_and_the_home_directory_are_left_nothing_to_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    quiet = told()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HOST", "HOSTADDR", "PORT", "USER", "PASSWORD", "DATABASE", "OPTIONS", "APPNAME"):
        monkeypatch.setenv(f"PG{name}", "127.0.0.1")
    for name in ("SSLMODE", "SSLROOTCERT", "SSLCERT", "SSLKEY", "SSLCRL", "PASSFILE", "REQUIREAUTH"):
        monkeypatch.setenv(f"PG{name}", "/elsewhere")
    assert told() == quiet
    from psycopg.pq import Conninfo

    # Whatever stands in the environment loses to an option that is there, though empty.
    with_variables = {option.keyword.decode() for option in Conninfo.get_defaults() if option.envvar}
    assert with_variables - set(quiet) == {"service"}


def test_a_session_goes_to_the_checked_address_under_the_name_that_tls_verifies() -> None:
    options = told()
    assert (options["host"], options["hostaddr"]) == ("db.example", "10.0.0.7")
    assert options["sslmode"] == "verify-full"
    assert Path(str(options["sslrootcert"])).is_file()
    assert options["sslcertmode"] == "disable"


def test_no_value_reaches_beyond_its_quotes() -> None:
    options = told()
    assert options["password"] == "p'w\\ d sslmode=disable"
    assert (options["user"], options["dbname"]) == ("root \\", "it's")


def test_without_tls_a_password_is_only_proved() -> None:
    options = told(TargetTls.DISABLE)
    assert (options["sslmode"], options["require_auth"]) == ("disable", "scram-sha-256")


def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ca_file"):
        told(ca_file=str(tmp_path / "absent.pem"))


@pytest.mark.parametrize(
    ("url", "places"),
    [
        (None, ()),
        ("sqlite:////var/lib/keywright.db", ()),
        ("postgresql://u:p@10.0.0.9/kw", (("10.0.0.9", 5432),)),
        ("postgresql://10.0.0.9:6432,10.0.0.10:6433/kw", (("10.0.0.9", 6432), ("10.0.0.10", 6433))),
        ("postgresql://[fd00::9]/kw", (("fd00::9", 5432),)),
        ("postgresql:///kw?host=/run/postgresql&port=6432", (("0.0.0.0", 6432), ("::", 6432))),
        ("postgresql:///kw", (("0.0.0.0", 5432), ("::", 5432))),
        ("postgresql://db.example/kw?hostaddr=10.0.0.9", (("10.0.0.9", 5432),)),
    ],
)
def test_our_own_database_is_known_where_its_url_says(
    url: str | None, places: tuple[tuple[str, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT"):
        monkeypatch.delenv(name, raising=False)
    assert OwnDatabase(url).known_places() == places


def test_our_own_database_is_known_by_its_name_too(runner: asyncio.Runner) -> None:
    places = runner.run(OwnDatabase("postgresql://localhost:6432/kw").places())
    assert ("127.0.0.1", 6432) in places


def test_a_placeholder_becomes_one_identifier_or_one_literal() -> None:
    filled = fill(
        "CREATE ROLE {{name}} PASSWORD {{ password }}; {{ name}}",
        {"name": 'a"; DROP ROLE b; --'},
        {"password": "it's {{name}}"},
    )
    assert filled == (
        'CREATE ROLE "a""; DROP ROLE b; --" PASSWORD \'it\'\'s {{name}}\'; "a""; DROP ROLE b; --"'
    )


def test_a_placeholder_that_nobody_knows_is_no_statement() -> None:
    assert placeholders_of("{{name}} {{other}} { {x} }") == {"name", "other"}
    with pytest.raises(KeyError):
        fill("{{other}}", {"name": "n"}, {})
