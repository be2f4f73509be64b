"""Prints how a migrated database differs from the tables the packages declare; nothing means not at all.

`python -m migrations.drift` reads the URL from its standard input.
"""

import sys
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ca_service.database.url import parse_database_url
from migrations.run import make_engine
from migrations.tables import load_all_tables


def find_drift(url: str) -> list[Any]:
    """Return what Alembic would change to get from the database to the declared tables."""
    engine = make_engine(parse_database_url(url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            return list(compare_metadata(context, load_all_tables()))
    finally:
        engine.dispose()


if __name__ == "__main__":
    differences = find_drift(sys.stdin.read().strip())
    for difference in differences:
        sys.stdout.write(f"{difference}\n")
    sys.exit(1 if differences else 0)
