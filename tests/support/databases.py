"""Empty databases with all tables, quick to make: a copied file on SQLite, emptied tables on PostgreSQL."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from ca_service.database.metadata import METADATA
from ca_service.database.sqlite import SqliteDatabase
from ca_service.database.url import PostgresqlUrl
from ca_service.kernel.clock import Clock
from migrations.tables import load_all_tables
from tests.support.postgresql import PostgresqlCluster

if TYPE_CHECKING:
    import psycopg

    from ca_service.database.postgresql import PostgresqlDatabase


class SqliteTemplate:
    """A file with all tables, made once and copied for each test."""

    def __init__(self, folder: Path) -> None:
        load_all_tables()
        self._file = folder / "template.db"
        engine = create_engine(f"sqlite:///{self._file}")
        METADATA.create_all(engine)
        engine.dispose()

    def copy_to(self, folder: Path) -> Path:
        """Return a fresh database file in `folder`."""
        return Path(shutil.copy(self._file, folder / "keywright.db"))


class PostgresqlTemplate:
    """One database with all tables, emptied for each test."""

    def __init__(self, cluster: PostgresqlCluster) -> None:
        load_all_tables()
        self.cluster = cluster
        self.url = cluster.create_database("contract")
        import psycopg

        dialect = create_engine("postgresql+psycopg://").dialect
        statements = []
        for table in METADATA.sorted_tables:
            statements.append(str(CreateTable(table).compile(dialect=dialect)))
            statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        self._emptying = self._prepare()

    def empty(self) -> str:
        """Empty all tables and return the URL."""
        import psycopg

        try:
            self._emptying.execute("SELECT pg_temp.empty()")
        except psycopg.OperationalError:
            # A test of faults stopped the server meanwhile.
            self._emptying.close()
            self._emptying = self._prepare()
            self._emptying.execute("SELECT pg_temp.empty()")
        return self.url

    def close(self) -> None:
        """Let the server go."""
        self._emptying.close()

    def _prepare(self) -> "psycopg.Connection[Any]":
        """Return a session that keeps the plans: making a hundred of them for each test took 20 ms."""
        import psycopg

        deletions = " ".join(f'DELETE FROM public."{table.name}";' for table in METADATA.sorted_tables)
        session = psycopg.connect(self.url, autocommit=True)
        # Without the triggers of foreign keys the order does not matter.
        session.execute("SET session_replication_role = replica")
        function = "CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS"
        session.execute(f"{function} $$ BEGIN {deletions} END $$".encode())
        return session


async def open_sqlite(path: Path, clock: Clock) -> SqliteDatabase:
    """Open a file as the service would."""
    return await SqliteDatabase.open(path, clock)


async def open_postgresql(url: str, clock: Clock, *, connections: int = 4) -> "PostgresqlDatabase":
    """Open a database whose time is the test's clock and not the server's."""
    from ca_service.database.postgresql import PostgresqlDatabase

    return await PostgresqlDatabase.open(
        PostgresqlUrl(url, "test"), clock, connections=connections, follows_server_clock=False
    )
