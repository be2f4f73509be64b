"""`keywright pki profile …`: the shapes that certificates take."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import read_public
from ca_service.cli.output import AsJson, conclude, fail, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="The shapes that certificates take.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="A setting as `show` names it: max_ttl=30d, names_allowed=dns:**.example.com,ip:10.0.0.0/8; "
        "lists are comma-separated or JSON.",
    ),
]
File = Annotated[Path | None, typer.Option("--file", help="A JSON file of settings.")]

_LISTS = frozenset(
    {
        "authorities",
        "purposes",
        "further_purposes",
        "key_usages",
        "name_kinds",
        "names_allowed",
        "names_denied",
        "names_required",
        "names_computed",
        "key_algorithms",
        "policies",
        "revocation_pointers",
    }
)
#: What an answer has that no request takes.
_TOLD = ("id", "name", "version", "status", "notes")


@app.command("list")
def list_profiles(project: Project = "default", as_json: AsJson = False) -> None:
    """List the certificate profiles of a project."""
    found = list(connect().items(_profiles(project)))
    if as_json:
        print_json(found)
        return
    columns = ["name", "version", "status", "authority", "purposes", "default_ttl", "max_ttl"]
    headings = [*columns[:5], "default ttl (s)", "max ttl (s)"]
    print_table(headings, [[item[column] for column in columns] for item in found], "no profiles")


@app.command()
def show(
    name: Name,
    version: Annotated[int | None, typer.Option(help="One of its versions; else as it is now.")] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Show one profile, as it is or as it was."""
    if version is None:
        found = connect().get(_profiles(project, name))
    else:
        found = connect().get(_profiles(project, name, "versions", str(version)))["profile"]
    _print(found, as_json)


@app.command()
def versions(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """List every version that a profile has had, the newest first."""
    found = list(connect().items(_profiles(project, name, "versions")))
    if as_json:
        print_json(found)
        return
    rows = [
        [item["version"], item["kept_at"], item["profile"]["status"], item["profile"]["max_ttl"]]
        for item in found
    ]
    print_table(["version", "since", "status", "max ttl (s)"], rows, "no versions")


@app.command()
def create(
    name: Name,
    like: Annotated[str | None, typer.Option("--like", help="Another profile to begin with.")] = None,
    file: File = None,
    settings: Settings = [],  # noqa: B006 - typer reads the default and changes nothing
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a profile: like another, from a file, with single settings."""
    body: dict[str, Any] = {}
    if like is not None:
        former = connect().get(_profiles(project, like))
        body = {field: value for field, value in former.items() if field not in _TOLD and value is not None}
    body |= _read(file) | _given(settings)
    _print(connect().post(_profiles(project), {**body, "name": name}), as_json)


@app.command()
def update(
    name: Name,
    file: File = None,
    settings: Settings = [],  # noqa: B006 - typer reads the default and changes nothing
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Change a profile; certificates that were issued from it stay as they are."""
    body = _read(file) | _given(settings)
    if not body:
        raise typer.BadParameter("say what changes with --set or --file")
    _print(connect().patch(_profiles(project, name), body), as_json)


@app.command()
def disable(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Issue nothing more from a profile."""
    conclude("disabled", connect().patch(_profiles(project, name), {"status": "disabled"}), as_json)


@app.command()
def enable(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Issue from a profile again."""
    conclude("enabled", connect().patch(_profiles(project, name), {"status": "active"}), as_json)


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        found = json.loads(read_public(file, "settings of a profile"))
    except ValueError:
        fail(f"{file} is not JSON: name a file that holds one object of settings")
    if not isinstance(found, dict):
        fail(f"{file} holds no JSON object: name a file that holds one object of settings")
    return {field: value for field, value in found.items() if field not in _TOLD and value is not None}


def _given(settings: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals:
            raise typer.BadParameter(f"--set takes FIELD=VALUE, not {setting}")
        body[field] = _value(field, text)
    return body


def _value(field: str, text: str) -> Any:
    if text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except ValueError:
            raise typer.BadParameter(f"the value of {field} is no JSON: {text}") from None
    if field in _LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    return {"true": True, "false": False}.get(text, text)


def _profiles(project: str, *further: str) -> str:
    return address("v1", "projects", project, "x509", "profiles", *further)


def _print(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_fields(list(found.items()))
