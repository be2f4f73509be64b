"""What a first start leaves, made once in each process of the tests and copied for servers that come later.

A first start migrates, makes keys and signs; it costs as much as many tests. Those that are about the first
start itself ask `running_server` for one of their own.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.support.command_line import keywright
from tests.support.postgresql import PostgresqlCluster

_TEMPLATE = "first_start"
#: The data directory that belongs to a database which was copied, by the database's URL.
_directories: dict[str, Path] = {}


def copy_first_start(data: Path, database_url: str | None) -> None:
    """Make the data directory for a server on this database, unless the database is an empty one.

    None is the embedded database, which is in the directory.
    """
    source = _on_sqlite() if database_url is None else _directories.get(database_url)
    if source is not None:
        shutil.copytree(source, data)


def started_database(cluster: PostgresqlCluster, name: str) -> str:
    """Make a database in which the first start is done, and return its URL."""
    source = _on_postgresql(cluster)
    url = cluster.create_database(name, template=_TEMPLATE)
    _directories[url] = source
    return url


@cache
def _on_sqlite() -> Path:
    place = _folder() / "sqlite"
    _start(place)
    return place


@cache
def _on_postgresql(cluster: PostgresqlCluster) -> Path:
    place = _folder() / f"postgresql-{cluster.pid}"
    _start(place, "--database", cluster.create_database(_TEMPLATE))
    return place


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="kw-first-start-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(place: Path, *further: str) -> None:
    done = keywright("init", "--data", str(place), *further)
    assert done.returncode == 0, done.stderr
