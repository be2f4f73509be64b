"""`keywright pki authority …`: certified elsewhere, certifying others, renewed and handed over."""

from pathlib import Path
from typing import Annotated

import typer

from ca_service.cli.files import prepare_folder, read_public, write_certificate, write_file
from ca_service.cli.output import AsJson, conclude, note, print_json
from ca_service.cli.pki_authorities import (
    CommonName,
    Country,
    Exclude,
    KeyAlgorithm,
    KeyStore,
    Name,
    NotAfter,
    Organization,
    Out,
    PathLength,
    Permit,
    Purposes,
    Ttl,
    app,
    authorities,
    finish,
    given,
    limits,
)
from ca_service.cli.session import Project, connect

#: The commands of both files.
authority = app

Csr = Annotated[Path, typer.Option(help="Its certificate signing request (PEM).")]
Parent = Annotated[str | None, typer.Option(help="Who signs it; else whoever signed it before.")]


@authority.command("csr")
def request(name: Name, out: Out = None, project: Project = "default", as_json: AsJson = False) -> None:
    """Make the request by which an authority elsewhere certifies this one."""
    answer = connect().post(authorities(project, name, "csr"), {})
    if out is not None:
        write_file(out, answer["csr"])
        note(f"written to {out}")
    if as_json:
        print_json(answer)
    elif out is None:
        print(answer["csr"], end="")


@authority.command("import")
def import_certificate(
    name: Name,
    certificate: Annotated[
        Path, typer.Option(help="What the authority elsewhere made (PEM), alone or with what is above it.")
    ],
    chain: Annotated[
        list[Path], typer.Option(help="What stands above it (PEM), nearest first. Repeat it for more.")
    ] = [],  # noqa: B006 - typer reads the default and changes nothing
    alternate: Annotated[
        bool, typer.Option("--alternate", help="As a further certificate beside the authority's own.")
    ] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Take the certificate that an authority elsewhere made."""
    body = {
        "certificate": read_public(certificate, "a certificate"),
        "chain": [read_public(file, "a certificate") for file in chain],
        "alternate": alternate,
    }
    finish(connect().post(authorities(project, name, "import"), body), None, as_json)


@authority.command()
def sign(
    name: Name,
    csr: Csr,
    profile: Annotated[
        str | None,
        typer.Option(help="A profile of authorities; else intermediate, where it is this issuer's."),
    ] = None,
    common_name: CommonName = None,
    organization: Organization = None,
    country: Country = None,
    ttl: Ttl = None,
    not_after: NotAfter = None,
    path_length: PathLength = None,
    permit: Permit = [],  # noqa: B006 - typer reads the default and changes nothing
    exclude: Exclude = [],  # noqa: B006
    purposes: Purposes = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="A folder for certificate.pem, chain.pem, fullchain.pem.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Certify an authority elsewhere from its CSR, inside the limits said here and no others."""
    body = given(
        csr=read_public(csr, "a certificate signing request"),
        profile=profile,
        common_name=common_name,
        organization=organization,
        country=country,
        ttl=ttl,
        not_after=not_after,
    )
    if out is not None:
        prepare_folder(out)
    answer = connect().post(
        authorities(project, name, "sign"), body | limits(path_length, permit, exclude, purposes)
    )
    if out is not None:
        note(f"written to {out}/: {', '.join(write_certificate(out, answer))}")
    if as_json:
        print_json(answer)
    elif out is None:
        print("".join((answer["certificate"], *answer["chain"])), end="")


@authority.command()
def renew(
    name: Name,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="With another key, which takes over at once.")
    ] = False,
    key_algorithm: KeyAlgorithm = None,
    former: Annotated[
        str | None, typer.Option(help="With --new-key: the name of the authority before from now on.")
    ] = None,
    parent: Parent = None,
    ttl: Ttl = None,
    not_after: NotAfter = None,
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a new certificate for an authority: what it issued stays good."""
    body = given(
        new_key=new_key or None,
        key_algorithm=key_algorithm,
        former=former,
        parent=parent,
        ttl=ttl,
        not_after=not_after,
    )
    finish(connect().post(authorities(project, name, "renew"), body), out, as_json)


@authority.command("cross-sign")
def cross_sign(
    name: Name,
    issuer: Annotated[str, typer.Option(help="The authority that signs it too.")],
    ttl: Ttl = None,
    not_after: NotAfter = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Have another authority sign this one too: a second chain for all that it issues."""
    body = given(issuer=issuer, ttl=ttl, not_after=not_after)
    answer = connect().post(authorities(project, name, "cross-sign"), body)
    conclude(f"{name} has {1 + len(answer['alternates'])} chains now", answer, as_json)


@authority.command()
def rollover(
    name: Name,
    successor: Annotated[str | None, typer.Option(help="Its name until the switch; else NAME-next.")] = None,
    key_algorithm: KeyAlgorithm = None,
    key_store: KeyStore = None,
    parent: Parent = None,
    common_name: CommonName = None,
    ttl: Ttl = None,
    not_after: NotAfter = None,
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Prepare the successor of an authority: a new key, published from now on, issuing nothing yet."""
    body = given(
        successor=successor,
        key_algorithm=key_algorithm,
        key_store=key_store,
        parent=parent,
        common_name=common_name,
        ttl=ttl,
        not_after=not_after,
    )
    answer = connect().post(authorities(project, name, "rollover"), body)
    finish(answer, out, as_json)
    if answer["status"] == "prepared":
        note(f"once whoever pins authorities has it: keywright pki authority switch {name}")


@authority.command()
def switch(
    name: Name,
    former: Annotated[
        str | None, typer.Option(help="The name of the authority before; else NAME and the day it was made.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Let the prepared successor take over the name, and all that issues under it, at once."""
    answer = connect().post(authorities(project, name, "switch"), given(former=former))
    conclude(
        f"{name} issues with its new key; the one before is {answer['predecessor']} and publishes still",
        answer,
        as_json,
    )
