"""`keywright secrets folders|imports …`: the tree of an environment, and what folders take from others."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, print_json, print_table
from ca_service.cli.place import EVERYTHING, Environment, Folder, in_environment
from ca_service.cli.session import Project, connect

folders = typer.Typer(no_args_is_help=True, help="Folders of an environment.")
imports = typer.Typer(no_args_is_help=True, help="Other folders whose secrets a folder has too.")

Path = Annotated[str, typer.Argument(metavar="PATH", help="The folder: /app/db.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]


@folders.command("list")
def list_folders(
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the folders inside a folder."""
    found = list(connect().items(_folders(project, environment), {"path": path}, EVERYTHING))
    if as_json:
        print_json(found)
        return
    rows = [[item["path"], item.get("description")] for item in found]
    print_table(["path", "description"], rows, "no folders here")


@folders.command("create")
def create_folder(
    path: Path,
    environment: Environment = "dev",
    description: Description = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a folder, and those around it that are missing."""
    body = {"path": path} | ({} if description is None else {"description": description})
    answer = connect().post(_folders(project, environment), body)
    conclude(f"made {answer['path']}", answer, as_json)


@folders.command("edit")
def edit_folder(
    path: Path,
    environment: Environment = "dev",
    new_name: Annotated[str | None, typer.Option(help="Another name; what is in it goes along.")] = None,
    description: Description = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Rename a folder or describe it."""
    changes = {"new_name": new_name, "description": description}
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise typer.BadParameter("say what shall change")
    answer = connect().patch(_folders(project, environment), given, {"path": path})
    conclude(f"changed: {answer['path']}", answer, as_json)


@folders.command("delete")
def delete_folder(
    path: Path,
    environment: Environment = "dev",
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="With all that is in it, in one commit.")
    ] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Delete a folder; one that is not empty only with --recursive."""
    connect().delete(_folders(project, environment), {"path": path, "recursive": recursive})
    conclude(f"deleted {path}", {"deleted": path, "environment": environment}, as_json)


@imports.command("list")
def list_imports(
    environment: Environment = "dev",
    path: Folder = "/",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List what a folder imports, in their order: the later wins, the folder's own secrets win over all."""
    found = list(connect().items(_imports(project, environment), {"path": path}, EVERYTHING))
    if as_json:
        print_json(found)
        return
    columns = ["position", "id", "environment", "path"]
    print_table(columns, [[item[column] for column in columns] for item in found], "no imports")


@imports.command("add")
def add_import(
    source: Annotated[str, typer.Argument(metavar="ENV:PATH", help="What to import: prod:/shared")],
    environment: Environment = "dev",
    path: Folder = "/",
    position: Annotated[int | None, typer.Option(min=1, help="Its place; the last by default.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Let a folder import the secrets of another."""
    from_environment, is_pair, from_path = source.partition(":")
    if not (from_environment and is_pair and from_path.startswith("/")):
        raise typer.BadParameter("what to import is ENV:PATH, such as prod:/shared")
    body: dict[str, Any] = {"environment": from_environment, "path": from_path}
    body |= {} if position is None else {"position": position}
    answer = connect().post(_imports(project, environment), body, {"path": path})
    conclude(f"{path} imports {source}: {answer['id']}", answer, as_json)


@imports.command("remove")
def remove_import(
    import_id: Annotated[str, typer.Argument(metavar="ID", help="The import's id, as list shows it.")],
    environment: Environment = "dev",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """End an import."""
    connect().delete(_imports(project, environment, import_id))
    conclude("removed", {"removed": import_id}, as_json)


def _folders(project: str, environment: str) -> str:
    return in_environment(project, environment, "folders")


def _imports(project: str, environment: str, *further: str) -> str:
    return in_environment(project, environment, "imports", *further)
