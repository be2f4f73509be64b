"""Which database a URL names."""

from pathlib import Path

import pytest

from ca_service.config import ConfigError
from ca_service.database.url import PostgresqlUrl, SqliteUrl, parse_database_url


def test_four_slashes_name_an_absolute_file() -> None:
    assert parse_database_url("sqlite:////var/lib/ca.db") == SqliteUrl(Path("/var/lib/ca.db"))


def test_three_slashes_name_a_file_below_the_working_directory() -> None:
    assert parse_database_url("sqlite:///data/ca.db") == SqliteUrl(Path.cwd() / "data" / "ca.db")


def test_a_server_is_shown_without_its_user_and_password() -> None:
    place = parse_database_url("postgresql://ca:hunter2@db.example:5433/keywright?sslmode=require")

    assert isinstance(place, PostgresqlUrl)
    assert place.shown == "postgresql://db.example:5433/keywright"
    assert "hunter2" not in repr(place)


def test_a_server_may_be_behind_a_socket() -> None:
    place = parse_database_url("postgresql:///ca?host=/run/postgresql")
    assert isinstance(place, PostgresqlUrl)
    assert place.conninfo == "postgresql:///ca?host=/run/postgresql"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ca.db",
        "/var/lib/ca.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://ca.db",
        "sqlite:///ca.db?mode=ro",
        "mysql://user:hunter2@host/db",
        "postgresql://user:hunter2@host:notaport/db",
        "postgresql+asyncpg://user:hunter2@host/db",
    ],
)
def test_refuses_other_urls_without_repeating_them(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_database_url(url)
    assert "hunter2" not in str(refusal.value)
