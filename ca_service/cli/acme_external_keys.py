"""`keywright acme eab …`: keys with which clients open ACME accounts in the name of an identity."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, note, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="Keys for external account binding (RFC 8555 section 7.3.4).")

Directory = Annotated[str, typer.Option("--directory", help="The name of the ACME directory.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")]


@app.command()
def create(
    identity: Annotated[
        str, typer.Option("--identity", help="The id of the identity that accounts act for.")
    ],
    directory: Directory = "default",
    name: Annotated[str, typer.Option("--name", help="A name for people.")] = "",
    uses: Annotated[
        int, typer.Option("--uses", min=0, help="How many accounts it may open; 0: any number.")
    ] = 1,
    ttl: Annotated[
        str | None, typer.Option("--ttl", help="How long it may open accounts, such as 30d; else for ever.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a key; its HMAC key is shown once."""
    body: dict[str, Any] = {"identity": identity, "name": name, "maximum_uses": uses or None}
    if ttl is not None:
        body["ttl"] = ttl
    _show(connect().post(_keys(project, directory), body), as_json)
    note("the HMAC key is not shown again")


@app.command("list")
def list_keys(
    directory: Directory = "default", project: Project = "default", as_json: AsJson = False
) -> None:
    """List the keys of a directory."""
    found = list(connect().items(_keys(project, directory)))
    if as_json:
        print_json(found)
        return
    columns = ["id", "name", "identity", "status", "uses", "maximum_uses", "expires_at"]
    print_table(columns, [[item[column] for column in columns] for item in found], "no keys")


@app.command()
def show(
    key: KeyId, directory: Directory = "default", project: Project = "default", as_json: AsJson = False
) -> None:
    """Show one key, without its HMAC key."""
    _show(connect().get(_keys(project, directory, key)), as_json)


@app.command()
def disable(
    key: KeyId, directory: Directory = "default", project: Project = "default", as_json: AsJson = False
) -> None:
    """Disable a key for good, and with it the accounts that it opened."""
    disabled = connect().post(_keys(project, directory, key, "disable"))
    conclude("disabled", disabled, as_json)


def _keys(project: str, directory: str, *further: str) -> str:
    return address(
        "v1", "projects", project, "acme", "directories", directory, "external-account-keys", *further
    )


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))
