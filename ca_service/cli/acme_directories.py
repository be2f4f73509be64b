"""`keywright acme directory …`: the directories that ACME clients are given the URL of."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, note, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="ACME directories: each with its authority, profiles and rules.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The directory's name, as in its URL.")]
FurtherProfiles = Annotated[
    list[str] | None,
    typer.Option("--further-profile", help="A profile that an order may name; may be repeated."),
]
Authority = Annotated[
    str | None, typer.Option("--authority", help="The authority that issues, instead of the profile's own.")
]
ExternalAccounts = Annotated[
    str | None,
    typer.Option("--eab", help="required or off: whether accounts must be bound to a key of ours."),
]
Challenges = Annotated[
    list[str] | None,
    typer.Option("--challenge", help="A challenge to offer (all, if none is named); may be repeated."),
]
Caa = Annotated[str | None, typer.Option("--caa", help="off, log or enforce: what CAA records count for.")]
CaaIdentities = Annotated[
    list[str] | None,
    typer.Option("--caa-identity", help="A domain that means us in CAA records; may be repeated."),
]
Terms = Annotated[str | None, typer.Option("--terms", help="The URL of the terms that accounts agree to.")]
Website = Annotated[str | None, typer.Option("--website", help="A URL where people read more.")]
Resolvers = Annotated[
    list[str] | None,
    typer.Option("--resolver", help="A name server, address:port, for its challenges; may be repeated."),
]


@app.command()
def create(
    name: Name,
    profile: Annotated[str, typer.Option("--profile", help="The profile of an order that names none.")],
    further_profiles: FurtherProfiles = None,
    authority: Authority = None,
    eab: ExternalAccounts = None,
    challenges: Challenges = None,
    caa: Caa = None,
    caa_identities: CaaIdentities = None,
    terms: Terms = None,
    website: Website = None,
    resolvers: Resolvers = None,
    is_open: Annotated[
        bool, typer.Option("--open", help="Also let its accounts have certificates for names they proved.")
    ] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a directory; without --open a policy must permit its accounts something first."""
    given = _given(
        further_profiles=further_profiles,
        authority=authority,
        eab=eab,
        challenges=challenges,
        caa=caa,
        caa_identities=caa_identities,
        terms_of_service=terms,
        website=website,
        resolvers=resolvers,
    )
    body = {"name": name, "profile": profile, "open": is_open, **given}
    _show(connect().post(_directories(project), body), as_json)
    if not is_open:
        note("nothing is issued to its accounts before a policy permits it: see --open")


@app.command("list")
def list_directories(project: Project = "default", as_json: AsJson = False) -> None:
    """List the directories of a project."""
    found = list(connect().items(_directories(project)))
    if as_json:
        print_json(found)
        return
    rows = [[item["name"], item["profile"], item["eab"], item["url"]] for item in found]
    print_table(["name", "profile", "eab", "url"], rows, "no directories")


@app.command()
def show(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one directory."""
    _show(connect().get(_directories(project, name)), as_json)


@app.command()
def update(
    name: Name,
    profile: Annotated[
        str | None, typer.Option("--profile", help="The profile of an order that names none.")
    ] = None,
    further_profiles: FurtherProfiles = None,
    authority: Authority = None,
    eab: ExternalAccounts = None,
    challenges: Challenges = None,
    caa: Caa = None,
    caa_identities: CaaIdentities = None,
    terms: Terms = None,
    website: Website = None,
    resolvers: Resolvers = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Change a directory: what is not named stays, an empty text takes a setting away."""
    body = _given(
        profile=profile,
        further_profiles=further_profiles,
        authority=authority,
        eab=eab,
        challenges=challenges,
        caa=caa,
        caa_identities=caa_identities,
        terms_of_service=terms,
        website=website,
        resolvers=resolvers,
    )
    if not body:
        raise typer.BadParameter("say what shall change")
    _show(connect().patch(_directories(project, name), body), as_json)


@app.command()
def delete(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Close a directory for good; its certificates stay, its name is never used again."""
    connect().delete(_directories(project, name))
    conclude("deleted", {"deleted": name}, as_json)


def _given(**options: str | list[str] | None) -> dict[str, Any]:
    """Return the body that the options make; an empty text stands for nothing: null, or no elements."""
    body: dict[str, Any] = {}
    for field, value in options.items():
        if value is None or value == []:
            continue
        if isinstance(value, list):
            kept = [element for element in value if element]
            body[field] = kept or (None if field == "challenges" else [])
        else:
            body[field] = value or None
    return body


def _directories(project: str, *further: str) -> str:
    return address("v1", "projects", project, "acme", "directories", *further)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))
