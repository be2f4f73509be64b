"""What the database server says about durability (S24): each promise that its settings break, by name."""

from collections.abc import Sequence

from sqlalchemy import Text, func
from sqlalchemy.sql import select

from ca_service.database.port import Database
from ca_service.database.statement import statement

#: Setting, and what is lost where it is off.
_NEEDED = (
    ("fsync", "a crash of the machine may lose what was answered, or the whole database"),
    ("full_page_writes", "a crash of the machine may leave torn pages"),
    ("synchronous_commit", "a crash of the server may lose what was answered"),
)
_READ = statement(select(*(func.current_setting(name, type_=Text()).label(name) for name, _ in _NEEDED)))


async def broken_promises(database: Database) -> Sequence[str]:
    """Return a sentence for each promise that the settings of the server break; SQLite breaks none."""
    if database.dialect == "sqlite":
        return ()
    row = await database.read_one(_READ)
    assert row is not None, "the server always knows its settings"
    return [
        f"PostgreSQL runs with {name} = {value}: {loss}"
        for (name, loss), value in zip(_NEEDED, row, strict=True)
        if value == "off"
    ]
