"""`keywright secrets import|export`: whole folders from and into .env, JSON and YAML files."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import write_file
from ca_service.cli.output import AsJson, conclude, fail, note
from ca_service.cli.place import Environment, Folder, in_environment
from ca_service.cli.run_environment import is_variable
from ca_service.cli.secret_sources import read_text
from ca_service.cli.secret_text import as_env, as_json, as_shell, as_yaml
from ca_service.cli.secret_values import read_values
from ca_service.cli.session import Project, connect

_READ = ("env", "json", "yaml")
_WRITERS = {"env": as_env, "json": as_json, "yaml": as_yaml, "shell": as_shell}
_SUFFIXES = {".env": "env", ".json": "json", ".yaml": "yaml", ".yml": "yaml"}


def import_secrets(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A .env, JSON or YAML file; - is standard input.")
    ],
    environment: Environment = "dev",
    path: Folder = "/",
    form: Annotated[
        str | None, typer.Option("--format", help="env, json or yaml; by the file's name if left out.")
    ] = None,
    mode: Annotated[
        str,
        typer.Option(help="upsert: add and change; create: only new names; replace: also delete the others."),
    ] = "upsert",
    message: Annotated[str | None, typer.Option("--message", "-m", help="Why, for the history.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Write all secrets of a file into a folder: in one commit, or none."""
    chosen = form or format_of(file)
    if chosen not in _READ:
        raise typer.BadParameter(f"say --format env, json or yaml: {file} does not tell")
    body: dict[str, Any] = {"format": chosen, "content": read_text(file, "a file of secrets"), "mode": mode}
    body |= {"message": message} if message else {}
    place = in_environment(project, environment, "secret-files")
    answer = connect().post(place, body, {"path": path})
    count = len(answer["changes"])
    conclude(
        f"imported into {environment}:{path}: {count} changes; commit {answer['number']}", answer, as_json
    )


def export_secrets(
    environment: Environment = "dev",
    path: Folder = "/",
    form: Annotated[str, typer.Option("--format", help="env, json, yaml, or shell for `eval`.")] = "env",
    out: Annotated[
        Path | None, typer.Option(help="A file that only you can read; else it is printed.")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders below too.")] = False,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    imports: Annotated[bool, typer.Option(help="Also what the folder imports.")] = True,
    expand: Annotated[bool, typer.Option(help="Put in what ${REFERENCES} lead to.")] = True,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Print the secrets of a folder as a .env, JSON or YAML file, or as lines for a shell."""
    chosen = "json" if as_json else form
    if chosen not in _WRITERS:
        raise typer.BadParameter("say --format env, json, yaml or shell")
    values = read_values(
        connect(),
        project,
        environment,
        path,
        is_recursive=recursive,
        with_imports=imports,
        is_expanded=expand,
        tag=tag,
    )
    if chosen == "shell":
        for name in [name for name in values if not is_variable(name)]:
            del values[name]
            note(f"keywright: {name} is left out: it is not the name of a variable")
    if chosen in ("env", "shell") and (unfit := [name for name in values if "\0" in values[name]]):
        fail(f"{', '.join(unfit)} holds a NUL, which is written by --format json or yaml alone")
    content = _WRITERS[chosen](values).encode()
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    else:
        write_file(out, content, 0o600)
        note(f"written to {out}: {len(values)} secrets")


def format_of(file: str) -> str | None:
    """Return the format that a file's name tells: .env, .env.local, app.env, app.json, app.yaml."""
    name = Path(file).name
    if name == ".env" or name.startswith(".env."):
        return "env"
    return _SUFFIXES.get(Path(name).suffix.lower())
