"""Opens the database that a URL names; the driver of the other engine is never imported."""

from ca_service.database.port import Database
from ca_service.database.sqlite import SqliteDatabase
from ca_service.database.url import SqliteUrl, parse_database_url
from ca_service.kernel.clock import Clock


async def open_database(url: str, clock: Clock, *, connections: int = 8) -> Database:
    """Return the open database. Raises ConfigError if the URL or the file cannot be used.

    It is bound to the running event loop. `connections` bounds the sessions on a PostgreSQL server, the
    listening one not counted. Raises UnavailableError if the server does not answer.
    """
    place = parse_database_url(url)
    if isinstance(place, SqliteUrl):
        return await SqliteDatabase.open(place.path, clock)
    from ca_service.database.postgresql import PostgresqlDatabase

    return await PostgresqlDatabase.open(place, clock, connections=connections)
