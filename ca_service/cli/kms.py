"""`keywright kms …`: keys that never leave the server, and their versions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli import kms_use
from ca_service.cli.files import write_file
from ca_service.cli.kms_use import KeyName, keys_of
from ca_service.cli.output import AsJson, conclude, note, print_fields, print_json, print_table
from ca_service.cli.place import EVERYTHING
from ca_service.cli.session import Project, connect

app = typer.Typer(no_args_is_help=True, help="Keys that stay here: encrypt, sign and more with them.")
kms_use.add_commands(app)

Description = Annotated[str | None, typer.Option(help="What it is for.")]


@app.command("keys")
def list_keys(project: Project = "default", as_json: AsJson = False) -> None:
    """List the keys."""
    found = list(connect().items(keys_of(project), None, EVERYTHING))
    if as_json:
        print_json(found)
        return
    columns = ["name", "algorithm", "current_version", "minimum_version", "status"]
    rows = [[item[column] for column in columns] for item in found]
    print_table([column.replace("_", " ") for column in columns], rows, "no keys")


@app.command()
def create(
    name: KeyName,
    algorithm: Annotated[
        str,
        typer.Option(
            help="aes-256-gcm, hmac-sha256, rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384, ed25519"
        ),
    ] = "aes-256-gcm",
    description: Description = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a key."""
    body = {"name": name, "algorithm": algorithm}
    body |= {} if description is None else {"description": description}
    _show(connect().post(keys_of(project), body), as_json)


@app.command()
def show(name: KeyName, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one key, never its material."""
    _show(connect().get(keys_of(project, name)), as_json)


@app.command()
def edit(
    name: KeyName,
    description: Description = None,
    minimum_version: Annotated[
        int | None, typer.Option(min=1, help="What is older opens, verifies and signs no more.")
    ] = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it works.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Describe a key, end its old versions, or switch it off and on."""
    changes = {"description": description, "minimum_version": minimum_version, "is_enabled": enable}
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise typer.BadParameter("say what shall change")
    _show(connect().patch(keys_of(project, name), given), as_json)


@app.command()
def rotate(name: KeyName, project: Project = "default", as_json: AsJson = False) -> None:
    """Make a new version, which encrypts and signs from now on; the others still decrypt and verify."""
    _show(connect().post(keys_of(project, name, "rotate")), as_json)


@app.command()
def versions(name: KeyName, project: Project = "default", as_json: AsJson = False) -> None:
    """List the versions of a key."""
    found = list(connect().items(keys_of(project, name, "versions"), None, EVERYTHING))
    if as_json:
        print_json(found)
        return
    columns = ["version", "state", "created_at", "created_by"]
    rows = [[item[column] for column in columns] for item in found]
    print_table([column.replace("_", " ") for column in columns], rows, "no versions")


@app.command("public-key")
def public_key(
    name: KeyName,
    version: Annotated[int | None, typer.Option(min=1, help="An earlier version.")] = None,
    out: Annotated[Path | None, typer.Option(help="A file; printed if left out.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Print the public half of a signing key, as PEM."""
    answer = connect().get(keys_of(project, name, "public-key"), {"version": version})
    if out is not None:
        write_file(out, answer["public_key"])
        note(f"written to {out}")
    if as_json:
        print_json(answer)
    elif out is None:
        print(answer["public_key"], end="")


@app.command()
def delete(
    name: KeyName,
    wait: Annotated[
        str | None, typer.Option(help="How long it can be restored: 7d to 365d; 30d if left out.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Schedule the end of a key: it works no more, and is destroyed when the time is over."""
    body: dict[str, Any] = {} if wait is None else {"wait": wait}
    answer = connect().delete(keys_of(project, name), body=body)
    conclude(f"{name} works no more; until it is destroyed: keywright kms restore {name}", answer, as_json)


@app.command()
def restore(name: KeyName, project: Project = "default", as_json: AsJson = False) -> None:
    """Take a scheduled deletion back."""
    _show(connect().post(keys_of(project, name, "restore")), as_json)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))
