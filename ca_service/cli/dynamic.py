"""`keywright dynamic …`: where accounts are made for a while, and as whom."""

import json
from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, fail, note, print_fields, print_json, print_table
from ca_service.cli.place import EVERYTHING, Environment, Folder, in_environment
from ca_service.cli.secret_sources import read_assignments, read_text
from ca_service.cli.session import Project, connect

app = typer.Typer(no_args_is_help=True, help="Targets where accounts are made for a while.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The dynamic secret's name.")]
ConfigFile = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="A file of JSON; -: standard input.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="KEY=VALUE",
        help="A member of it: KEY=TEXT, KEY=@FILE, KEY:=JSON, or KEY (asked for, not shown).",
    ),
]
DefaultTtl = Annotated[str | None, typer.Option(help="How long a lease lives if nobody says: 1h.")]
MaxTtl = Annotated[str | None, typer.Option(help="How long a lease lives at most, renewed or not: 24h.")]
Template = Annotated[str | None, typer.Option(help="How accounts are named.")]


@app.command("list")
def list_dynamic_secrets(
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the dynamic secrets of a folder."""
    found = list(connect().items(_dynamic(project, environment), {"path": path}, EVERYTHING))
    if as_json:
        print_json(found)
        return
    columns = ["name", "path", "provider", "default_ttl", "max_ttl", "account_prefix"]
    rows = [[item.get(column) for column in columns] for item in found]
    print_table([column.replace("_", " ") for column in columns], rows, "no dynamic secrets here")


@app.command()
def show(
    name: Name,
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Show one dynamic secret, without the password of its configuration."""
    _show(connect().get(_dynamic(project, environment, name), {"path": path}), as_json)


@app.command()
def create(
    name: Name,
    provider: Annotated[str, typer.Option(help="What the target is: postgresql")] = "postgresql",
    config: ConfigFile = None,
    setting: Settings = None,
    default_ttl: DefaultTtl = None,
    max_ttl: MaxTtl = None,
    username_template: Template = None,
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Let accounts be made at a target; the server connects to it first, and looks whether it may."""
    members = read_config(config, setting or [])
    if not members:
        raise typer.BadParameter("say how to reach the target, with --config or --setting")
    body = {"name": name, "path": path, "provider": provider, "config": members}
    body |= _given(default_ttl=default_ttl, max_ttl=max_ttl, username_template=username_template)
    _show(connect().post(_dynamic(project, environment), body, {"path": path}), as_json)


@app.command()
def edit(
    name: Name,
    config: ConfigFile = None,
    setting: Settings = None,
    default_ttl: DefaultTtl = None,
    max_ttl: MaxTtl = None,
    username_template: Template = None,
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Change a dynamic secret; leases that there are end as they were made."""
    body: dict[str, Any] = _given(
        default_ttl=default_ttl, max_ttl=max_ttl, username_template=username_template
    )
    if members := read_config(config, setting or []):
        body["config"] = members
    if not body:
        raise typer.BadParameter("say what shall change")
    _show(connect().patch(_dynamic(project, environment, name), body, {"path": path}), as_json)


@app.command()
def delete(
    name: Name,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Revoke its leases too; without it, one with leases stays.")
    ] = False,
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Delete a dynamic secret."""
    query = {"path": path, "revoke": True if revoke else None}
    answer = connect().delete(_dynamic(project, environment, name), query)
    conclude(f"deleted {name}", answer or {"deleted": name}, as_json)


@app.command()
def reconcile(
    name: Name,
    drop: Annotated[
        bool, typer.Option("--drop", help="End the accounts at the target that no lease knows.")
    ] = False,
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Compare the accounts at the target with the leases: orphans at the one, missing from the other."""
    place = _dynamic(project, environment, name, "reconcile")
    answer = connect().post(place, {"drop": drop}, {"path": path})
    if as_json:
        print_json(answer)
        return
    rows = [
        [name, "dropped" if name in answer["dropped"] else "no lease ends it"] for name in answer["orphans"]
    ]
    rows += [[each["username"], f"gone, but {each['lease_id']} is active"] for each in answer["missing"]]
    print_table(["account", "what"], rows, "accounts and leases agree")
    if answer["orphans"] and not drop:
        note("the orphans were left alone: --drop ends them")


def read_config(file: str | None, settings: list[str]) -> dict[str, Any]:
    """Return the configuration of a file, with these members over it; end the command without one."""
    members: dict[str, Any] = {} if file is None else _object(read_text(file, "a configuration"), file)
    texts: list[str] = []
    for setting in settings:
        name, _, value = setting.partition("=")
        if not name.endswith(":"):
            texts.append(setting)
            continue
        try:
            members[name.removesuffix(":")] = json.loads(value)
        except ValueError as error:
            raise typer.BadParameter(f"{name}= is followed by JSON, such as port:=5432") from error
    return members | read_assignments(texts)


def _object(text: str, file: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        fail(f"{file} is not JSON: {error}")
    if not isinstance(found, dict):
        fail(f"{file} does not hold an object of JSON")
    return found


def _given(**fields: str | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _dynamic(project: str, environment: str, *further: str) -> str:
    return in_environment(project, environment, "dynamic-secrets", *further)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))
