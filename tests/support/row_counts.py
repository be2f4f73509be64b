"""How many rows each table holds, for tests that say that nothing was written."""

import sqlite3
from contextlib import closing

#: Tables that every request or the passing of time may touch.
_RESTLESS = ("audit_", "queue_", "sqlite_", "alembic_", "acme_used_nonces", "policy_generations", "database_")


def count_rows(database_url: str) -> dict[str, int]:
    """Return the number of rows of each table that only an answered request may change."""
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=10)) as connection:
            tables = [
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            return {
                name: _first(connection.execute(f"SELECT count(*) FROM {name}")) for name in _quiet(tables)
            }
    import psycopg
    from psycopg import sql

    with psycopg.connect(database_url) as session:
        found = session.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchall()
        return {
            name: _first(session.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))))
            for name in _quiet([row[0] for row in found])
        }


def _quiet(tables: list[str]) -> list[str]:
    return sorted(name for name in tables if not name.startswith(_RESTLESS))


def _first(cursor: object) -> int:
    return int(cursor.fetchone()[0])  # type: ignore[attr-defined]
