"""`keywright backup` and `keywright restore`: all but the root key, from one database to another."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import prepare_folder
from ca_service.cli.local import (
    ConfigFile,
    DatabaseUrl,
    DataDirectory,
    load_local_config,
    run_locally,
    verify_database_exists,
)
from ca_service.cli.output import AsJson, conclude, fail


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write everything the database holds to a file, while the service runs. The root key is never in it."""
    loaded = load_local_config(config, data, database)
    verify_database_exists(loaded)
    prepare_folder(file.absolute().parent)
    from ca_service.serve.backup import back_up

    made = run_locally(lambda: back_up(loaded, file))
    conclude(
        f"{made.rows} rows are in {file}; the root key is not: keep a copy of it in another place",
        {"file": str(file.absolute()), **_told(made)},
        as_json,
    )


def restore(
    file: Annotated[Path, typer.Argument(help="The file that keywright backup wrote.")],
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Fill an empty database from a backup; put the root key back before the service starts."""
    loaded = load_local_config(config, data, database)
    if not file.is_file():
        fail(f"there is no file {file}")
    from ca_service.serve.backup import restore as fill_from

    done = run_locally(lambda: fill_from(loaded, file))
    conclude(
        f"{done.rows} rows of {done.created_at:%Y-%m-%d %H:%M:%S} UTC are restored. What was revoked or "
        "withdrawn after that moment is not: do it again. Put the root key back, then start the service.",
        _told(done),
        as_json,
    )


def _told(about: Any) -> dict[str, Any]:
    return {
        "created_at": f"{about.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "revision": about.revision,
        "rows": about.rows,
    }
