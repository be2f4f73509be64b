"""`keywright pki authority …`: made, shown, enabled, disabled and retired."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import write_file
from ca_service.cli.output import AsJson, conclude, note, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="The authorities that issue, and those above them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The authority's name.")]
KeyAlgorithm = Annotated[
    str | None, typer.Option("--key", help="EC_P256, EC_P384, EC_P521, RSA_3072, ED25519, ML_DSA_65, …")
]
KeyStore = Annotated[str | None, typer.Option(help="Where its key is made and stays; else the database.")]
CommonName = Annotated[str | None, typer.Option(help="The common name in its subject.")]
Organization = Annotated[str | None, typer.Option(help="The organization in its subject.")]
Country = Annotated[str | None, typer.Option(help="The country in its subject: two capital letters.")]
Ttl = Annotated[str | None, typer.Option(help="How long its certificate lives: 1826d, 43824h, …")]
NotAfter = Annotated[str | None, typer.Option(help="When it ends exactly, RFC 3339.")]
PathLength = Annotated[
    int | None, typer.Option(help="How many authorities may stand below it; 0 signs leaves only.")
]
Permit = Annotated[
    list[str],
    typer.Option(
        metavar="KIND:VALUE",
        help="Certifies names of this kind nowhere else: dns:example.com, ip:10.0.0.0/8, "
        "email:example.com, uri:.example.com. Repeat it for more.",
    ),
]
Exclude = Annotated[
    list[str], typer.Option(metavar="KIND:VALUE", help="Certifies no such name. Repeat it for more.")
]
Purposes = Annotated[
    list[str],
    typer.Option(
        "--purpose",
        metavar="PURPOSE",
        help="Certifies for nothing else: serverAuth, clientAuth, codeSigning, emailProtection, "
        "timeStamping, or a dotted number. Repeat it for more.",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the PEM to this file.")]

_KINDS = {
    "dns": "dns_domains",
    "ip": "ip_ranges",
    "email": "email_addresses",
    "uri": "uri_domains",
}
#: Shown as PEM below the other fields.
_PEMS = ("certificate", "chain", "alternates", "csr")


@app.command("list")
def list_authorities(project: Project = "default", as_json: AsJson = False) -> None:
    """List the authorities of a project, roots first."""
    found = list(connect().items(authorities(project)))
    if as_json:
        print_json(found)
        return
    columns = ("name", "id", "status", "parent", "key_algorithm", "not_after")
    rows = [[item[column] for column in columns] for item in found]
    print_table(["name", "id", "status", "parent", "key", "not after"], rows, "no authorities")


@app.command()
def show(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one authority and its certificate, or the request that waits for one."""
    show_authority(connect().get(authorities(project, name)), as_json)


@app.command()
def create(
    name: Name,
    parent: Annotated[str | None, typer.Option(help="Who signs it; a root signs itself.")] = None,
    external: Annotated[
        bool, typer.Option("--external", help="It waits for a certificate from an authority elsewhere.")
    ] = False,
    key_algorithm: KeyAlgorithm = None,
    key_store: KeyStore = None,
    common_name: CommonName = None,
    organization: Organization = None,
    country: Country = None,
    ttl: Ttl = None,
    not_after: NotAfter = None,
    path_length: PathLength = None,
    permit: Permit = [],  # noqa: B006 - typer reads the default and changes nothing
    exclude: Exclude = [],  # noqa: B006
    purposes: Purposes = [],  # noqa: B006
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make an authority with a key of its own: a root, below another, or below one elsewhere."""
    body = given(
        name=name,
        parent=parent,
        external=external or None,
        key_algorithm=key_algorithm,
        key_store=key_store,
        common_name=common_name,
        organization=organization,
        country=country,
        ttl=ttl,
        not_after=not_after,
    )
    answer = connect().post(authorities(project), body | limits(path_length, permit, exclude, purposes))
    finish(answer, out, as_json)
    if answer["status"] == "pending":
        note(
            f"have the request signed elsewhere, then: keywright pki authority import {name} --certificate …"
        )


@app.command()
def enable(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Let an authority issue again."""
    _change(name, "active", f"{name} issues again", project, as_json)


@app.command()
def disable(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """Have an authority issue nothing; it revokes and publishes still."""
    _change(name, "disabled", f"{name} issues nothing; CRL and OCSP go on", project, as_json)


@app.command()
def retire(name: Name, project: Project = "default", as_json: AsJson = False) -> None:
    """End an authority for good; CRL and OCSP for what it issued go on."""
    _change(name, "retired", f"{name} is retired, for good; CRL and OCSP go on", project, as_json)


def _change(name: str, status: str, sentence: str, project: str, as_json: bool) -> None:
    conclude(sentence, connect().patch(authorities(project, name), {"status": status}), as_json)


def authorities(project: str, *further: str) -> str:
    """Return an address below the authorities of a project."""
    return address("v1", "projects", project, "x509", "authorities", *further)


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that were said."""
    return {field: value for field, value in fields.items() if value is not None}


def limits(
    path_length: int | None, permit: list[str], exclude: list[str], purposes: list[str]
) -> dict[str, Any]:
    """Return what an authority may sign, as the API names it."""
    body = given(path_length=path_length, extended_key_usages=purposes or None)
    for option, which, texts in (("--permit", "permitted", permit), ("--exclude", "excluded", exclude)):
        for text in texts:
            kind, colon, value = text.partition(":")
            if not colon or kind not in _KINDS:
                raise typer.BadParameter(f"{option} takes {', '.join(_KINDS)} and a value: dns:example.com")
            body.setdefault(f"{which}_{_KINDS[kind]}", []).append(value)
    return body


def finish(answer: dict[str, Any], out: Path | None, as_json: bool) -> None:
    """Write the certificate with its chain, or the request, where it is wanted, and show the authority."""
    if out is not None:
        write_file(out, answer.get("csr") or "".join((answer["certificate"], *answer["chain"])))
        note(f"written to {out}")
    show_authority(answer, as_json, is_written=out is not None)
    if answer["status"] == "pending":
        command = f"keywright pki authority import {answer['name']} --certificate FILE"
        note(f"have the request signed elsewhere, then: {command}")


def show_authority(found: dict[str, Any], as_json: bool, *, is_written: bool = False) -> None:
    """Print an authority; its certificate or request too, unless it is in a file already."""
    if as_json:
        print_json(found)
        return
    print_fields([(key, value) for key, value in found.items() if key not in _PEMS])
    if not is_written:
        print(found["certificate"] or found.get("csr", ""), end="")
