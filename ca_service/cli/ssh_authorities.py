"""`keywright ssh authority …`: the keys that vouch for users and hosts, and their rotation."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, note, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="SSH authorities and the rotation of their keys.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The authority's name.")]


@app.command("list")
def list_authorities(project: Project = "default", as_json: AsJson = False) -> None:
    """List the authorities with their state: published, active, retiring, retired or disabled."""
    found = list(connect().items(_authorities(project)))
    if as_json:
        print_json(found)
        return
    columns = ("name", "type", "status", "key_algorithm", "fingerprint")
    rows = [[item[column] for column in columns] for item in found]
    print_table(["name", "type", "state", "key", "fingerprint"], rows, "no authorities")


@app.command()
def show(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one authority: its state, who signs by it, and until when what it signed is good."""
    answer = connect().get(_authorities(project, name))
    if as_json:
        print_json(answer)
    else:
        print_fields([(key, answer[key]) for key in answer])


@app.command()
def create(
    name: Name,
    kind: Annotated[
        str | None, typer.Option("--type", help="user or host; that of --succeeds, if left out.")
    ] = None,
    succeeds: Annotated[
        str | None,
        typer.Option(help="The authority it shall follow: published now, signing once switched to."),
    ] = None,
    key_algorithm: Annotated[
        str | None, typer.Option("--key", help="ED25519, EC_P256, EC_P384, EC_P521, RSA_3072, RSA_4096")
    ] = None,
    key_store: Annotated[
        str | None, typer.Option(help="Where the key lies: database, or a token of the configuration.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make an authority with a key of its own."""
    client = connect()
    if kind is None:
        if succeeds is None:
            raise typer.BadParameter("say --type user or --type host, or which authority it --succeeds")
        kind = client.get(_authorities(project, succeeds))["type"]
    body: dict[str, Any] = {"name": name, "type": kind}
    further = (("succeeds", succeeds), ("key_algorithm", key_algorithm), ("key_store", key_store))
    body |= {key: value for key, value in further if value}
    answer = client.post(_authorities(project), body)
    if as_json:
        print_json(answer)
        return
    print_fields([(key, answer[key]) for key in ("name", "type", "status", "fingerprint", "public_key")])
    if succeeds:
        command = f"keywright ssh authority switch {succeeds} --to {name}"
        note(f"its key is published; once every host has fetched it: {command}")


@app.command()
def switch(
    name: Name,
    to: Annotated[str, typer.Option(help="The authority that signs from now on.")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Have another authority sign for all profiles of this one, which stays trusted until it is retired."""
    answer = connect().post(_authorities(project, name, "switch"), {"to": to})
    profiles = ", ".join(answer["profiles"]) or "no profile yet"
    conclude(f"{to} signs now, for {profiles}; what {name} signed is still accepted", answer, as_json)


@app.command()
def retire(
    name: Name,
    drop_valid: Annotated[
        bool, typer.Option("--drop-valid", help="Although certificates of it are still valid.")
    ] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Publish the key of an authority no more: what it signed ends with the hosts' next fetch."""
    answer = connect().post(_authorities(project, name, "retire"), {"drops_valid": drop_valid})
    conclude(f"the key of {name} is published no more", answer, as_json)


def _authorities(project: str, *further: str) -> str:
    return address("v1", "projects", project, "ssh", "authorities", *further)
