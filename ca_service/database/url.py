"""Database URLs: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user:pass@host/name`."""

from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from ca_service.config import ConfigError


class SqliteUrl(Struct, frozen=True):
    """A file."""

    path: Path


class PostgresqlUrl(Struct, frozen=True):
    """A server. `conninfo` may hold a password: never log it; `shown` is for people and logs."""

    conninfo: str
    shown: str

    def __repr__(self) -> str:
        return f"PostgresqlUrl({self.shown!r})"


def parse_database_url(url: str) -> SqliteUrl | PostgresqlUrl:
    """Return what `url` names. Raises ConfigError, which never repeats the URL: it may hold a password."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite":
        if not rest.startswith("/") or len(rest) < 2 or "?" in rest:
            raise ConfigError(
                "`database.url` needs a file after `sqlite:///`, such as sqlite:////var/lib/ca.db"
            )
        return SqliteUrl(Path(rest[1:]).absolute())
    if separator and scheme in {"postgresql", "postgres"}:
        try:
            parts = urlsplit(url)
            place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
        except ValueError:
            raise ConfigError("`database.url` is not a valid PostgreSQL URL: check host and port") from None
        return PostgresqlUrl(url, f"postgresql://{place}{parts.path}")
    raise ConfigError("`database.url` begins with `sqlite:///` or `postgresql://`")
