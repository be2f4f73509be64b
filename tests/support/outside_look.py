"""A look at a server's database from outside, past all of its code."""

import sqlite3
from contextlib import closing
from typing import Any


def fetch_rows(database_url: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query; `database_url` is a `sqlite:///` or `postgresql://` one."""
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=10)) as connection:
            return connection.execute(query).fetchall()
    import psycopg

    with psycopg.connect(database_url) as session:
        return session.execute(query.encode()).fetchall()
