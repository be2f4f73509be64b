"""`keywright secrets …`: set, read, list and delete secrets; several at once are one commit."""

import json
import sys
from typing import Annotated, Any

import typer

from ca_service.cli import secret_files, secret_folders, secret_history
from ca_service.cli.output import AsJson, conclude, fail, print_json, print_table
from ca_service.cli.place import EVERYTHING, Environment, Folder, in_environment, in_project
from ca_service.cli.secret_sources import read_assignments
from ca_service.cli.session import Project, connect

app = typer.Typer(no_args_is_help=True, help="Secrets with versions, in folders of environments.")
app.command("import")(secret_files.import_secrets)
app.command("export")(secret_files.export_secrets)
app.command("history")(secret_history.history)
app.command("destroy")(secret_history.destroy)
app.command("log")(secret_history.log)
app.command("commit")(secret_history.show_commit)
app.add_typer(secret_folders.folders, name="folders")
app.add_typer(secret_folders.imports, name="imports")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="The secrets' names.")]
Message = Annotated[
    str | None, typer.Option("--message", "-m", help="Why, for the history; what is done by default.")
]
Comment = Annotated[str | None, typer.Option(help="A note beside the value; sealed like the value.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; all together replace those before.")]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", help="KEY=TEXT; all together replace those before.")
]
IfVersion = Annotated[
    int | None,
    typer.Option(min=0, help="Only if this is the current version; 0: only if there is no such secret."),
]


@app.command("set")
def set_secrets(
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME[=VALUE]...",
            help="NAME=VALUE, NAME=@FILE, NAME=- (standard input), or NAME (asked for, not shown).",
        ),
    ],
    environment: Environment = "dev",
    path: Folder = "/",
    comment: Comment = None,
    tag: Tags = None,
    metadata: Metadata = None,
    message: Message = None,
    if_version: IfVersion = None,
    literal: Annotated[
        bool, typer.Option("--literal", help="Take values as they stand, also those like @this and -.")
    ] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Write secrets: all of them in one commit, or none; missing folders are made."""
    if if_version is not None and len(assignments) > 1:
        raise typer.BadParameter("--if-version is about one secret")
    notes = notes_of(comment, tag, metadata)
    values = read_assignments(assignments, is_literal=literal)
    changes = [
        {
            "action": "set",
            "environment": environment,
            "path": path,
            "name": name,
            "value": value,
            **notes,
            **({} if if_version is None else {"if_version": if_version}),
        }
        for name, value in values.items()
    ]
    _commit(project, message or _summary("Set", values), changes, "set", as_json)


@app.command()
def get(
    name: Name,
    environment: Environment = "dev",
    path: Folder = "/",
    version: Annotated[int | None, typer.Option(min=1, help="An earlier version.")] = None,
    expand: Annotated[bool, typer.Option(help="Put in what ${REFERENCES} lead to.")] = True,
    no_newline: Annotated[
        bool, typer.Option("--no-newline", help="Print the value and nothing else.")
    ] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Print a secret's value; --json prints all that is known of it."""
    query = {"path": path, "version": version, "expand": expand}
    found = connect().get(in_environment(project, environment, "secrets", name), query)
    if as_json:
        print_json(found)
        return
    ending = "" if no_newline else "\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(f"{found['value']}{ending}".encode())


@app.command("list")
def list_secrets(
    environment: Environment = "dev",
    path: Folder = "/",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders below too.")] = False,
    values: Annotated[bool, typer.Option("--values", help="Show the values.")] = False,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    imports: Annotated[bool, typer.Option(help="Also what the folder imports.")] = True,
    expand: Annotated[bool, typer.Option(help="Put in what ${REFERENCES} lead to.")] = True,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the secrets of a folder, without their values unless asked for."""
    query = {
        "path": path,
        "recursive": recursive,
        "include_values": values,
        "tag": tag,
        "imports": imports,
        "expand": expand if values else None,
    }
    found = list(connect().items(in_environment(project, environment, "secrets"), query, EVERYTHING))
    if as_json:
        print_json(found)
        return
    columns = ["name", "path", "version", "updated_at", "tags", "comment"]
    columns += ["value"] if values else []
    rows = [[_in_one_line(item[column]) for column in columns] for item in found]
    print_table([column.replace("_", " ") for column in columns], rows, "no secrets here")


@app.command()
def delete(
    names: Names,
    environment: Environment = "dev",
    path: Folder = "/",
    message: Message = None,
    if_version: IfVersion = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Delete secrets in one commit; their versions stay, and undelete brings them back."""
    if if_version is not None and len(names) > 1:
        raise typer.BadParameter("--if-version is about one secret")
    guard = {} if if_version is None else {"if_version": if_version}
    changes = [
        {"action": "delete", "environment": environment, "path": path, "name": name, **guard}
        for name in names
    ]
    _commit(project, message or _summary("Delete", names), changes, "deleted", as_json)


@app.command()
def undelete(
    names: Names,
    environment: Environment = "dev",
    path: Folder = "/",
    message: Message = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Bring deleted secrets back, in one commit."""
    changes = [
        {"action": "undelete", "environment": environment, "path": path, "name": name} for name in names
    ]
    _commit(project, message or _summary("Undelete", names), changes, "undeleted", as_json)


@app.command()
def edit(
    name: Name,
    environment: Environment = "dev",
    path: Folder = "/",
    new_name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    new_path: Annotated[str | None, typer.Option(help="Another folder.")] = None,
    comment: Comment = None,
    tag: Tags = None,
    metadata: Metadata = None,
    message: Message = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Rename or move a secret, or change what stands beside its value."""
    changes = {"new_name": new_name, "new_path": new_path, **notes_of(comment, tag, metadata)}
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise typer.BadParameter("say what shall change")
    body = given | ({"message": message} if message else {})
    answer = connect().patch(in_environment(project, environment, "secrets", name), body, {"path": path})
    where = f"{answer['name']} in {answer['path']}"
    conclude(f"changed: {where}, version {answer['version']}", answer, as_json)


def notes_of(comment: str | None, tags: list[str] | None, metadata: list[str] | None) -> dict[str, Any]:
    """Return what is said about a value beside it; what is left out stays as the version before had it."""
    notes: dict[str, Any] = {}
    if comment is not None:
        notes["comment"] = comment
    if tags:
        notes["tags"] = [tag for tag in tags if tag]
    if metadata:
        pairs = [pair.partition("=") for pair in metadata if pair]
        if not all(key and is_pair for key, is_pair, _ in pairs):
            raise typer.BadParameter("--metadata is KEY=TEXT")
        notes["metadata"] = {key: value for key, _, value in pairs}
    return notes


def _in_one_line(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, str) and not value.isprintable() else value


def _summary(verb: str, names: Any) -> str:
    listed = ", ".join(names)
    return f"{verb} {listed}" if len(listed) <= 200 else f"{verb} {len(names)} secrets"


def _commit(project: str, message: str, changes: list[dict[str, Any]], done: str, as_json: bool) -> None:
    if len(changes) > 500:
        fail(f"{len(changes)} changes are more than the 500 of one commit: send them in several")
    answer = connect().post(in_project(project, "commits"), {"message": message, "changes": changes})
    made = [f"{change['name']} (version {change['version']})" for change in answer["changes"]]
    where = f"{changes[0]['environment']}:{changes[0]['path']}"
    conclude(f"{done} in {where}: {', '.join(made)}; commit {answer['number']}", answer, as_json)
