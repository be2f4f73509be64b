"""`keywright ssh mapping …`: who may log in to which account of which hosts."""

from typing import Annotated

import typer

from ca_service.cli.output import AsJson, conclude, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="Login mappings: accounts of hosts, and who may enter them.")

_COLUMNS = ("id", "account", "host", "group", "principals", "identities")


@app.command("list")
def list_mappings(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the login mappings, oldest first."""
    found = list(connect().items(_mappings(project), None, limit))
    if as_json:
        print_json(found)
        return
    rows = [[item[column] for column in _COLUMNS] for item in found]
    print_table(_COLUMNS, rows, "no login mappings: nobody may log in to any host")


@app.command()
def add(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The Unix account.")],
    principal: Annotated[
        list[str] | None, typer.Option("--principal", help="A principal as certificates say it.")
    ] = None,
    identity: Annotated[
        list[str] | None, typer.Option("--identity", help="An identity (idn_…), while it is active.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="On this host only.")] = None,
    group: Annotated[str | None, typer.Option(help="On the hosts of this group.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Let principals and identities log in to an account, on all hosts unless told otherwise."""
    if not principal and not identity:
        raise typer.BadParameter("say --principal or --identity, once or more")
    body = {
        "account": account,
        "host": host,
        "group": group,
        "principals": principal or [],
        "identities": identity or [],
    }
    made = connect().post(
        _mappings(project), {name: value for name, value in body.items() if value is not None}
    )
    conclude(f"made {made['id']}: hosts obey at their next refresh", made, as_json)


@app.command()
def remove(
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help="Its id (slm_…).")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Take a login mapping away."""
    connect().delete(_mappings(project, mapping))
    conclude(f"removed {mapping}: hosts obey at their next refresh", {"removed": mapping}, as_json)


def _mappings(project: str, *parts: str) -> str:
    return address("v1", "projects", project, "ssh", "login-mappings", *parts)
