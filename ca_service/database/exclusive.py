"""One process at a time, on whatever machine: for first start, which makes what must exist once."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ca_service.database.errors import MigrationError
from ca_service.database.url import PostgresqlUrl, SqliteUrl, parse_database_url

#: The key of the advisory lock: the bytes "keyfirst".
_ADVISORY_KEY = int.from_bytes(b"keyfirst", "big", signed=True)
_CONNECT_SECONDS = 5
_PATIENCE = "5min"


@asynccontextmanager
async def exclusively(url: str) -> AsyncIterator[None]:
    """Hold the lock of first start on this database; whoever comes second waits in a thread.

    It is no transaction: transactions may run inside. Raises MigrationError if the server does not answer.
    """
    place = parse_database_url(url)
    release = await asyncio.to_thread(_take, place)
    try:
        yield
    finally:
        await asyncio.to_thread(release)


def _take(place: SqliteUrl | PostgresqlUrl) -> Callable[[], None]:
    return _take_file(place) if isinstance(place, SqliteUrl) else _take_server(place)


def _take_file(place: SqliteUrl) -> Callable[[], None]:
    descriptor = os.open(f"{place.path}.first-start", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return lambda: os.close(descriptor)


def _take_server(place: PostgresqlUrl) -> Callable[[], None]:
    import psycopg

    try:
        connection = psycopg.connect(place.conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        connection.execute(f"SET lock_timeout = '{_PATIENCE}'")
        connection.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_KEY,))
    except psycopg.Error:
        raise MigrationError(f"the database {place.shown} does not answer; is it running?") from None
    return connection.close
