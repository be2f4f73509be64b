"""`keywright secrets history|destroy|log|commit`: what was when, by whom, and what is gone for good."""

from typing import Annotated

import typer

from ca_service.cli.output import AsJson, conclude, print_fields, print_json, print_table
from ca_service.cli.place import EVERYTHING, Environment, Folder, in_environment, in_project
from ca_service.cli.session import Project, connect

Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.")]


def history(
    name: Name,
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the versions of a secret, without values."""
    place = in_environment(project, environment, "secrets", name, "versions")
    found = list(connect().items(place, {"path": path}, EVERYTHING))
    if as_json:
        print_json(found)
        return
    columns = ["version", "state", "created_at", "created_by", "commit"]
    rows = [[item.get(column) for column in columns] for item in found]
    print_table([column.replace("_", " ") for column in columns], rows, "no versions")


def destroy(
    name: Name,
    version: Annotated[list[int], typer.Option("--version", min=1, help="A version. May be repeated.")],
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Destroy the values of versions, for good; that they were there stays in the history."""
    place = in_environment(project, environment, "secrets", name, "destroy")
    answer = connect().post(place, {"versions": version}, {"path": path})
    listed = ", ".join(str(number) for number in version)
    conclude(f"destroyed for good: {name}, version {listed}", answer, as_json)


def log(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only commits about this one.")] = None,
    environment: Annotated[
        str | None, typer.Option("--env", help="Only in this one; dev where a folder is named.")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", help="Only in this folder; / where a secret is named.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List commits, newest first."""
    if name is not None:
        path = path or "/"
    if path is not None:
        environment = environment or "dev"
    query = {"environment": environment, "path": path, "name": name}
    found = list(connect().items(in_project(project, "commits"), query, limit))
    if as_json:
        print_json(found)
        return
    columns = ["number", "id", "created_at", "author", "message"]
    rows = [[item.get(column) for column in columns] for item in found]
    print_table([column.replace("_", " ") for column in columns], rows, "no commits")


def show_commit(
    commit: Annotated[str, typer.Argument(metavar="ID", help="The commit's id.")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Show a commit with all its changes; values are not part of it."""
    answer = connect().get(in_project(project, "commits", commit))
    if as_json:
        print_json(answer)
        return
    print_fields([(key, answer.get(key)) for key in ("id", "number", "created_at", "author", "message")])
    columns = ["action", "environment", "path", "name", "version"]
    rows = [[change.get(column) for column in columns] for change in answer["changes"]]
    print_table(columns, rows, "no changes")
