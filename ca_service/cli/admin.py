"""`keywright admin …`: the bootstrap token of the instance administrator, beside the database (S13)."""

import typer

from ca_service.cli.local import (
    ConfigFile,
    DatabaseUrl,
    DataDirectory,
    load_local_config,
    run_locally,
    verify_database_exists,
)
from ca_service.cli.output import AsJson, conclude

app = typer.Typer(no_args_is_help=True, help="The bootstrap token in DATA/admin-token.")


@app.command("rotate-token")
def rotate_token(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make another bootstrap token, write it to DATA/admin-token, and end those before it."""
    loaded = load_local_config(config, data, database)
    verify_database_exists(loaded)
    from ca_service.serve.preparation import prepare

    run_locally(lambda: prepare(loaded, new_admin_token=True))
    file = loaded.data_path / "admin-token"
    sentence = f"the new token is in {file}; those before it open nothing any more"
    conclude(sentence, {"file": str(file)}, as_json)


@app.command("disable-token")
def disable_token(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """End the bootstrap token for good; `rotate-token` makes one again."""
    loaded = load_local_config(config, data, database)
    verify_database_exists(loaded)
    from ca_service.serve.preparation import disable_admin_token

    ended = run_locally(lambda: disable_admin_token(loaded))
    sentence = "the bootstrap token is disabled" if ended else "there was no bootstrap token"
    conclude(sentence, {"disabled": ended}, as_json)
