"""`keywright clock …`: time that was in doubt (S23)."""

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

app = typer.Typer(no_args_is_help=True, help="The clock, where nothing is issued because it may be wrong.")


@app.callback()
def clock() -> None:
    """Keep `accept` a command of its own."""


@app.command("accept")
def accept(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Believe the clock as it is now, although it was ahead of this before; on the server's machine."""
    loaded = load_local_config(config, data, database)
    verify_database_exists(loaded)
    from ca_service.serve.clock import accept_clock

    accepted = run_locally(lambda: accept_clock(loaded))
    conclude(f"the time is {accepted.isoformat()}", {"accepted": accepted.isoformat()}, as_json)
