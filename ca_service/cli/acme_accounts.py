"""`keywright acme account …`: the accounts of a directory, as its operator sees them."""

from typing import Annotated

import typer

from ca_service.cli.output import AsJson, conclude, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="Accounts of an ACME directory.")

Directory = Annotated[str, typer.Option("--directory", help="The name of the ACME directory.")]


@app.command("list")
def list_accounts(
    directory: Directory = "default", project: Project = "default", as_json: AsJson = False
) -> None:
    """List the accounts of a directory."""
    found = list(connect().items(_accounts(project, directory)))
    if as_json:
        print_json(found)
        return
    columns = ["id", "status", "contact", "external_key", "identity", "created_at"]
    print_table(columns, [[item[column] for column in columns] for item in found], "no accounts")


@app.command()
def deactivate(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")],
    directory: Directory = "default",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Deactivate an account for good, with its open orders and authorizations."""
    deactivated = connect().post(_accounts(project, directory, account, "deactivate"))
    conclude("deactivated", deactivated, as_json)


def _accounts(project: str, directory: str, *further: str) -> str:
    return address("v1", "projects", project, "acme", "directories", directory, "accounts", *further)
