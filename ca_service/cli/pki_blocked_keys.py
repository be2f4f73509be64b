"""`keywright pki blocked-key …`: keys that are certified no more."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import read_public
from ca_service.cli.output import AsJson, conclude, fail, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="Keys that are certified no more.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The id that the blocked key was given.")]


@app.command("list")
def list_keys(project: Project = "default", as_json: AsJson = False) -> None:
    """List the keys that the project blocked."""
    found = list(connect().items(_keys(project)))
    if as_json:
        print_json(found)
        return
    columns = ["id", "key_hash", "reach", "proof", "comment"]
    print_table(columns, [[item[column] for column in columns] for item in found], "no blocked keys")


@app.command()
def add(
    public_key: Annotated[
        Path | None, typer.Option(help="The public key (PEM), as openssl pkey -pubout prints it.")
    ] = None,
    key_hash: Annotated[
        str | None, typer.Option("--hash", help="SHA-256 over its SubjectPublicKeyInfo, in hex.")
    ] = None,
    published_private_key: Annotated[
        Path | None,
        typer.Option(help="The private key (PEM) that was published: the proof that blocks it everywhere."),
    ] = None,
    comment: Annotated[str, typer.Option(help="Why, for people.")] = "",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Block a key: nobody in the organization gets a certificate for it again."""
    if sum(given is not None for given in (public_key, key_hash, published_private_key)) != 1:
        raise typer.BadParameter("say one of --public-key, --hash and --published-private-key")
    body: dict[str, Any] = {"comment": comment}
    if public_key is not None:
        body["public_key"] = read_public(public_key, "a public key")
    if published_private_key is not None:
        body["private_key"] = _read_published(published_private_key)
    if key_hash is not None:
        body["key_hash"] = key_hash.replace(":", "").lower()
    _show(connect().post(_keys(project), body), as_json)


@app.command()
def show(key: Id, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one blocked key."""
    _show(connect().get(_keys(project, key)), as_json)


@app.command()
def remove(key: Id, project: Project = "default", as_json: AsJson = False) -> None:
    """Certify a key again that was blocked without proof."""
    connect().delete(_keys(project, key))
    conclude("removed", {"id": key}, as_json)


def _read_published(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"{file} is not text: name a file that holds a private key in PEM")


def _keys(project: str, *further: str) -> str:
    return address("v1", "projects", project, "x509", "blocked-keys", *further)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))
