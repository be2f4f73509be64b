"""The local commands that run on the server's machine: `serve`, `init`, `migrate`, `config check`."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ca_service.cli.output import AsJson, conclude, fail
from ca_service.cli.serving import config_of, run_serve
from ca_service.config import Config, ConfigError

T = TypeVar("T")

ConfigFile = Annotated[Path | None, typer.Option("--config", help="The TOML file.")]
DataDirectory = Annotated[Path | None, typer.Option("--data", help="The data directory (./data).")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", help="sqlite:///FILE or postgresql://… (sqlite:///DATA/keywright.db)."),
]

config_commands = typer.Typer(no_args_is_help=True, help="The configuration of the server.")


def serve(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT for TLS (127.0.0.1:8443).")] = None,
    plain_listen: Annotated[
        str | None, typer.Option(help="HOST:PORT for CRLs and CA certificates (127.0.0.1:8080).")
    ] = None,
    public_url: Annotated[str | None, typer.Option(help="The https URL by which clients reach it.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many processes serve (1).")] = None,
    root_key: Annotated[
        str | None,
        typer.Option(help="Where the root key lies: file (DATA/root-key), file:/path or env:NAME."),
    ] = None,
) -> None:
    """Run the service until it is told to stop."""
    options = _options(config, data, database)
    options |= {
        "listen": listen,
        "plain-listen": plain_listen,
        "public-url": public_url,
        "workers": workers,
        "root-key": root_key,
    }
    raise typer.Exit(run_serve(options))


def init(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    new_admin_token: Annotated[
        bool, typer.Option("--new-admin-token", help="Make another administrator's token, end the first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make what the first start makes, without serving: database, keys, authorities, the first token."""
    loaded = load_local_config(config, data, database)
    from ca_service.serve.preparation import prepare

    run_locally(lambda: prepare(loaded, new_admin_token=new_admin_token))
    conclude(
        f"{loaded.data_path} is ready; start the service with: keywright serve --data {loaded.data}",
        {"data": str(loaded.data_path)},
        as_json,
    )


def migrate(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this release's schema."""
    loaded = load_local_config(config, data, database)
    from ca_service.serve.preparation import migrate_only

    changed = run_locally(lambda: migrate_only(loaded))
    sentence = "the database was migrated" if changed else "the database is up to date"
    conclude(sentence, {"migrated": changed}, as_json)


@config_commands.command("check")
def check(
    config: ConfigFile = None,
    data: DataDirectory = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Read the configuration as serve would, and say what is wrong with it."""
    loaded = load_local_config(config, data, database)
    from ca_service.serve.preparation import verify_config

    run_locally(lambda: verify_config(loaded))
    conclude("the configuration is good", {"good": True}, as_json)


def _options(config: Path | None, data: Path | None, database: str | None) -> dict[str, Any]:
    return {"config": config, "data": None if data is None else str(data), "database": database}


def load_local_config(config: Path | None, data: Path | None, database: str | None) -> Config:
    """Return the configuration that these options and the environment make; end the command if wrong."""
    try:
        return config_of(_options(config, data, database))
    except ConfigError as error:
        fail(str(error))


def verify_database_exists(config: Config) -> None:
    """End the command if there is no database yet; nothing is made."""
    from ca_service.database.migration import current_revision

    if run_locally(lambda: current_revision(config.database_url)) is None:
        fail(
            "there is no database of Keywright here yet: name the right one with --data or --database, or "
            "make it with keywright init"
        )


def run_locally(work: Callable[[], T]) -> T:
    """Do what needs no server; end the command with one sentence if it is refused."""
    from ca_service.kernel.errors import KeywrightError
    from ca_service.serve.start import sentence_of

    try:
        return work()
    except (ConfigError, KeywrightError) as error:
        fail(sentence_of(error))


def run_on_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do what needs a database on an event loop of its own; end the command if it is refused."""
    import asyncio

    return run_locally(lambda: asyncio.run(work()))
