"""Writes the next revision from the difference between METADATA and the revisions there are.

`python -m migrations.new_revision "what changes"`; read and correct the file it names before committing it.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import Script

from ca_service.database.migration import VERSIONS, head_revision
from ca_service.database.url import SqliteUrl
from migrations.run import make_config, make_engine, upgrade


def write_revision(message: str, versions: Path = VERSIONS) -> Path:
    """Return the new file."""
    number = int(head_revision(versions) or "0") + 1
    with tempfile.TemporaryDirectory() as folder:
        place = SqliteUrl(Path(folder) / "scratch.db")
        if number > 1:
            upgrade(place, versions)
        engine = make_engine(place)
        try:
            with engine.connect() as connection:
                script = command.revision(
                    make_config(connection, versions),
                    message,
                    autogenerate=True,
                    rev_id=f"{number:04}",
                    version_path=str(versions),
                )
        finally:
            engine.dispose()
    assert isinstance(script, Script)
    return Path(script.path)


if __name__ == "__main__":
    sys.stdout.write(f"{write_revision(sys.argv[1])}\n")
