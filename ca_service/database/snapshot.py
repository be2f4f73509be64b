"""All rows of one moment, read beside a service that goes on writing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol

from sqlalchemy import Table

from ca_service.database.errors import BackupError
from ca_service.database.url import PostgresqlUrl, SqliteUrl, parse_database_url

_CONNECT_SECONDS = 5
_FETCHED_AT_ONCE = 500


class Snapshot(Protocol):
    """One moment of a database."""

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table, in the order of its columns."""


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Hold one moment of the database. Raises BackupError if it cannot be read."""
    place = parse_database_url(url)
    with _of_file(place) if isinstance(place, SqliteUrl) else _of_server(place) as held:
        yield held


class _FileSnapshot:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        return iter(self._connection.execute(_select(table)))


@contextmanager
def _of_file(place: SqliteUrl) -> Iterator[Snapshot]:
    try:
        with closing(
            sqlite3.connect(f"{place.path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            # The first read after it fixes the moment.
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            yield _FileSnapshot(connection)
    except sqlite3.Error as error:
        raise BackupError(f"cannot read the database {place.path}: {error}") from error


@contextmanager
def _of_server(place: PostgresqlUrl) -> Iterator[Snapshot]:
    import psycopg

    class ServerSnapshot:
        def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
            with connection.cursor(name="backup") as cursor:
                cursor.itersize = _FETCHED_AT_ONCE
                cursor.execute(_select(table))
                yield from cursor

    try:
        with psycopg.connect(place.conninfo, connect_timeout=_CONNECT_SECONDS) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield ServerSnapshot()
    except psycopg.Error as error:
        raise BackupError(
            f"cannot read the database {place.shown} ({type(error).__name__}); is it running?"
        ) from None


def _select(table: Table) -> str:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'SELECT {columns} FROM "{table.name}"'  # noqa: S608 - names of our own tables
