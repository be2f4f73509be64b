"""Runs Alembic on one connection, with one transaction around each upgrade on both engines."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import migrations
from ca_service.database.errors import MigrationError
from ca_service.database.url import PostgresqlUrl, SqliteUrl

_SCRIPTS = Path(next(iter(migrations.__path__)))


def make_config(connection: Connection, versions: Path) -> Config:
    """Return Alembic's configuration; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def make_engine(place: SqliteUrl | PostgresqlUrl) -> Engine:
    """Return a synchronous engine whose transactions take schema changes in as well."""
    if isinstance(place, PostgresqlUrl):
        import psycopg

        return create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(place.conninfo), poolclass=NullPool
        )
    engine = create_engine(f"sqlite:///{place.path}", poolclass=NullPool)
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    return engine


def upgrade(place: SqliteUrl | PostgresqlUrl, versions: Path) -> None:
    """Run all missing revisions in one transaction. Raises MigrationError; then nothing has changed."""
    engine = make_engine(place)
    try:
        with engine.connect() as connection:
            if isinstance(place, PostgresqlUrl):
                # Somebody else's long transaction makes us give up rather than hold everybody behind us.
                connection.exec_driver_sql("SET lock_timeout = '10s'")
                connection.exec_driver_sql("SET statement_timeout = '30min'")
                connection.commit()
            command.upgrade(make_config(connection, versions), "head")
    except DBAPIError as error:
        raise MigrationError(f"a migration was refused: {str(error.orig).splitlines()[0]}") from error
    finally:
        engine.dispose()


def _leave_transactions_to_us(connection: Any, _: Any) -> None:
    # sqlite3 would otherwise commit before each change of the schema.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
