"""What is read before and after a load: CPU time of the service and of its database, and round trips."""

from collections.abc import Callable

import psycopg
from msgspec import Struct

from tests.load.process_tree import cpu_seconds
from tests.support.postgresql import PostgresqlCluster


class Reading(Struct, frozen=True):
    """Seconds of CPU so far, and waits for the database so far."""

    cpu: float
    database_cpu: float
    waits: float | None


class Meters(Struct, frozen=True):
    """Where to read. `waits` is missing where there is no database, `cluster` where it is not PostgreSQL."""

    pid: int
    waits: Callable[[], float] | None = None
    cluster: PostgresqlCluster | None = None
    database_url: str | None = None

    def read(self) -> Reading:
        """Return what was used up so far."""
        return Reading(
            cpu=cpu_seconds(self.pid),
            database_cpu=0.0 if self.cluster is None else cpu_seconds(self.cluster.pid),
            waits=None if self.waits is None else self.waits(),
        )

    def since(self, before: Reading, pieces: int) -> Reading:
        """Return what one piece of a load that has just ended took, in seconds and round trips."""
        now, pieces = self.read(), max(pieces, 1)
        waits = None if before.waits is None or now.waits is None else (now.waits - before.waits) / pieces
        return Reading(
            (now.cpu - before.cpu) / pieces, (now.database_cpu - before.database_cpu) / pieces, waits
        )

    def analyze(self) -> None:
        """Do what PostgreSQL's autovacuum does within a minute: without statistics it guesses its indexes."""
        if self.database_url is not None:
            with psycopg.connect(self.database_url, autocommit=True) as connection:
                connection.execute("ANALYZE")
