"""`keywright run -- CMD`: a command with secrets in its environment, and leases that last as long as it."""

import time
from typing import Annotated

import typer

from ca_service.cli.output import fail, note
from ca_service.cli.place import Environment, Folder
from ca_service.cli.run_child import SignalsHeld, become
from ca_service.cli.run_environment import RunEnvironment, with_secrets
from ca_service.cli.run_leases import HeldLeases, Wanted, parse_wanted
from ca_service.cli.secret_values import read_values
from ca_service.cli.session import Project, connect
from ca_service.client.api import ApiClient
from ca_service.config import environment as environment_variables


def run_with_secrets(
    command: Annotated[
        list[str], typer.Argument(metavar="CMD [ARGUMENT]", help="The command and its arguments.")
    ],
    environment: Environment = "dev",
    path: Folder = "/",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders below too.")] = False,
    tag: Annotated[str | None, typer.Option(help="Only secrets with this tag.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this one. May be repeated.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="What stands before each secret's name: APP_")] = "",
    override: Annotated[
        bool,
        typer.Option("--override/--no-override", help="Whether secrets win over variables that are set."),
    ] = True,
    secrets: Annotated[bool, typer.Option("--secrets/--no-secrets", help="Leases alone, or not.")] = True,
    lease: Annotated[
        list[str] | None,
        typer.Option(
            "--lease",
            metavar="NAME[:PREFIX]",
            help="An account of this dynamic secret, revoked when the command ends. May be repeated.",
        ),
    ] = None,
    lease_ttl: Annotated[
        str | None, typer.Option(help="How long a lease lives between renewals: 10m, 1h.")
    ] = None,
    keep_token: Annotated[
        bool, typer.Option("--keep-token", help="Leave KEYWRIGHT_TOKEN in the command's environment.")
    ] = False,
    project: Project = "default",
) -> int:
    """Run a command with secrets as environment variables; ends as the command ends.

    Nothing is written to disk and nothing is printed. Without --lease the command takes the place of this
    process. With it this process stays, renews the leases, passes signals on, and revokes them at the end.
    """
    wanted = _wanted(lease or [], path)
    client = connect()
    found: dict[str, str] = {}
    if secrets:
        found = read_values(client, project, environment, path, is_recursive=recursive, tag=tag)
        if missing := [name for name in only or [] if name not in found]:
            where = f"{environment}:{path}"
            fail(f"no secret is called {', '.join(missing)} in {where}: see keywright secrets list")
    surroundings = with_secrets(
        environment_variables(),
        found,
        only=only or (),
        prefix=prefix,
        is_overriding=override,
        keeps_token=keep_token,
    )
    for name, reason in surroundings.left_out.items():
        note(f"keywright: {name} is left out: it {reason}")
    if wanted:
        return _run_leased(client, project, environment, wanted, lease_ttl, command, surroundings)
    return become(command, surroundings.variables)


def _run_leased(
    client: ApiClient,
    project: str,
    environment: str,
    wanted: list[Wanted],
    ttl: str | None,
    command: list[str],
    surroundings: RunEnvironment,
) -> int:
    leases = HeldLeases(client, project, lambda text: note(f"keywright: {text}"), time.monotonic, ttl=ttl)
    variables = dict(surroundings.variables)
    with SignalsHeld() as signals:
        try:
            for each in wanted:
                taken = leases.take(environment, each)
                variables |= {name.encode(): value.encode() for name, value in taken.items()}
            if (status := signals.pending()) is not None:
                return status
            leases.keep()
            return signals.run(command, variables)
        finally:
            leases.give_back()


def _wanted(leases: list[str], folder: str) -> list[Wanted]:
    wanted: list[Wanted] = []
    for text in leases:
        parsed = parse_wanted(text, folder)
        if parsed is None:
            raise typer.BadParameter(f"--lease is NAME or NAME:PREFIX, not {text!r}")
        wanted.append(parsed)
    if len({each.prefix for each in wanted}) < len(wanted):
        raise typer.BadParameter("each of several leases needs a prefix of its own: say --lease NAME:PREFIX")
    return wanted
