"""`keywright pki publishing …`: shards of CRLs, copies of them, and OCSP responders."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import AsJson, conclude, print_fields, print_json
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(
    no_args_is_help=True, help="How authorities tell the status of what they issued: CRLs and OCSP."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The authority's name.")]


@app.command()
def show(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Show where an authority's CRLs lie and who signs its OCSP answers."""
    found = connect().get(_publishing(project, name))
    if as_json:
        print_json(found)
    else:
        print_fields(list(found.items()))


@app.command("set")
def configure(
    name: Name,
    crl_shards: Annotated[
        int | None,
        typer.Option(help="Over how many CRLs new certificates are spread; 1: the complete one alone."),
    ] = None,
    crl_urls: Annotated[
        list[str] | None,
        typer.Option(
            "--crl-url",
            help="Where you keep a copy, http://, with {shard} for the number of the shard. Repeat it.",
        ),
    ] = None,
    no_crl_urls: Annotated[bool, typer.Option("--no-crl-urls", help="There are no copies.")] = False,
    responder: Annotated[
        str | None,
        typer.Option(help="Who signs OCSP answers: direct (the authority) or delegated (a responder)."),
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Choose how an authority publishes from now on; what is not named stays."""
    if crl_urls and no_crl_urls:
        raise typer.BadParameter("say --crl-url or --no-crl-urls, not both")
    body: dict[str, Any] = {}
    if crl_shards is not None:
        body["crl_shards"] = crl_shards
    if crl_urls or no_crl_urls:
        body["crl_urls"] = crl_urls or []
    if responder is not None:
        body["responder"] = responder
    if not body:
        raise typer.BadParameter("name at least one thing to change: see --help")
    answer = connect().patch(_publishing(project, name), body)
    conclude(f"{name} publishes so from now on: see keywright pki publishing show {name}", answer, as_json)


def _publishing(project: str, name: str) -> str:
    return address("v1", "projects", project, "x509", "authorities", name, "publishing")
