"""`keywright pki certificate …`: kept keys, imports, and revoking everything of one kind."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import prepare_folder, read_public, write_certificate
from ca_service.cli.inventory import CertificateId, certificates, find
from ca_service.cli.output import AsJson, note, print_fields, print_json
from ca_service.cli.pkcs12 import Pkcs12PasswordFile, read_password, write_pkcs12
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

_END = "-----END CERTIFICATE-----"


def read_key(
    certificate_id: CertificateId,
    out: Annotated[
        Path | None, typer.Option(help="A folder for key.pem and the files of the certificate.")
    ] = None,
    pkcs12_password_file: Pkcs12PasswordFile = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Read the private key that is kept for a certificate; every reading stands in the trail."""
    body = read_password(pkcs12_password_file, out)
    if out is not None:
        prepare_folder(out)
    answer = connect().post(certificates(project, find(project, certificate_id)["id"], "key"), body)
    if out is not None:
        written = [*write_certificate(out, answer), *write_pkcs12(out, answer)]
        note(f"written to {out}/: {', '.join(written)}")
        answer.pop("private_key")
    if as_json:
        print_json(answer)
    elif out is None:
        print(answer["private_key"], end="")


def import_certificate(
    file: Annotated[Path, typer.Argument(metavar="CERT.pem", help="The certificate (PEM).")],
    chain: Annotated[
        Path | None, typer.Option(help="Its chain (PEM), issuer first, down to the root that signed itself.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Take a certificate into the inventory that was issued elsewhere, or here and lost since."""
    body: dict[str, Any] = {"certificate": read_public(file, "a certificate")}
    if chain is not None:
        text = read_public(chain, "certificates")
        body["chain"] = [f"{part.strip()}\n{_END}\n" for part in text.split(_END) if part.strip()]
    answer = connect().post(certificates(project, "import"), body)
    _show(answer, as_json)


def revoke_all(
    identity: Annotated[str | None, typer.Option(help="All that this identity was issued: its id.")] = None,
    key: Annotated[str | None, typer.Option(help="All over this key: SHA-256 of its SPKI, in hex.")] = None,
    profile: Annotated[str | None, typer.Option(help="All of this profile.")] = None,
    authority: Annotated[str | None, typer.Option(help="All that this authority issued.")] = None,
    reason: Annotated[str, typer.Option(help="keyCompromise, superseded, …")] = "unspecified",
    expect: Annotated[
        int | None, typer.Option(min=0, help="Do it: the number that was counted without this option.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Count what would be revoked; with --expect and the number counted, revoke it all."""
    named = {"identity": identity, "key": key, "profile": profile, "authority": authority}
    given = {selector: value for selector, value in named.items() if value is not None}
    if len(given) != 1:
        raise typer.BadParameter("say one of --identity, --key, --profile and --authority")
    body: dict[str, Any] = {**given, "reason": reason}
    if expect is not None:
        body["expected_count"] = expect
    answer = connect().post(certificates(project, "revoke"), body)
    _show(answer, as_json)
    if expect is None and not as_json:
        note(f"nothing was revoked: give --expect {answer['count']} to revoke them")


def revoke_unknown(
    serial_number: Annotated[str, typer.Argument(metavar="SERIAL", help="The serial number, in hex.")],
    authority: Annotated[str, typer.Option(help="The authority that issued it.")] = "issuing",
    reason: Annotated[str, typer.Option(help="keyCompromise, superseded, …")] = "unspecified",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Revoke a certificate that the inventory does not have, by its number: after a restore, say."""
    place = address("v1", "projects", project, "x509", "authorities", authority, "revocations")
    _show(connect().post(place, {"serial_number": serial_number, "reason": reason}), as_json)


def show_revocation(
    revocation: Annotated[str, typer.Argument(metavar="ID", help="The id that revoke-all printed.")],
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Show how far a revocation of many came."""
    _show(connect().get(address("v1", "projects", project, "x509", "revocations", revocation)), as_json)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields(list(answer.items()))


def add_commands(app: typer.Typer) -> None:
    """Put the commands beside those of single certificates."""
    app.command("key")(read_key)
    app.command("import")(import_certificate)
    app.command("revoke-all")(revoke_all)
    app.command("revocation")(show_revocation)
    app.command("revoke-unknown")(revoke_unknown)
