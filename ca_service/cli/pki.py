"""`keywright pki …`: certificates, authorities and profiles."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli import (
    pki_authority_life,
    pki_blocked_keys,
    pki_channels,
    pki_life,
    pki_profiles,
    pki_publishing,
)
from ca_service.cli.files import prepare_folder, read_public, write_certificate
from ca_service.cli.inventory import CertificateId, certificates, find
from ca_service.cli.output import AsJson, fail, note, print_fields, print_json, print_table
from ca_service.cli.pkcs12 import Pkcs12PasswordFile, read_password, write_pkcs12
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

app = typer.Typer(no_args_is_help=True, help="X.509 certificates, authorities and profiles.")
certificate = typer.Typer(no_args_is_help=True, help="Issue, find, renew and revoke certificates.")
app.add_typer(certificate, name="certificate")
app.add_typer(pki_authority_life.authority, name="authority")
app.add_typer(pki_profiles.app, name="profile")
app.add_typer(pki_publishing.app, name="publishing")
app.add_typer(pki_blocked_keys.app, name="blocked-key")
app.add_typer(pki_channels.app, name="channel")
pki_life.add_commands(certificate)


@certificate.command()
def issue(
    profile_name: Annotated[str, typer.Option("--profile", help="The profile to issue by.")] = "server",
    authority_name: Annotated[
        str | None, typer.Option("--authority", help="The issuing authority's name.")
    ] = None,
    authority_id: Annotated[str | None, typer.Option("--ca-id", help="The issuing authority's id.")] = None,
    common_name: Annotated[
        str | None, typer.Option(help="The common name; a DNS name or address is a name too.")
    ] = None,
    alt_names: Annotated[
        str, typer.Option(help="Names, comma-separated: DNS names, addresses, e-mails, URIs.")
    ] = "",
    csr: Annotated[
        Path | None, typer.Option(help="A certificate signing request (PEM); the key stays with you.")
    ] = None,
    key_algorithm: Annotated[
        str | None, typer.Option(help="The key to make: EC_P256, RSA_3072, ED25519, …")
    ] = None,
    ttl: Annotated[str | None, typer.Option(help="The lifetime: 90d, 2160h, …")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for certificate.pem, chain.pem, fullchain.pem, key.pem.")
    ] = None,
    pkcs12_password_file: Pkcs12PasswordFile = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Issue a certificate: from a CSR, or with a key made by the server and returned once."""
    if authority_name and authority_id:
        raise typer.BadParameter("say --authority or --ca-id, not both")
    body: dict[str, Any] = {"profile": profile_name} | ({"ttl": ttl} if ttl else {})
    body |= read_password(pkcs12_password_file, out)
    if csr is not None:
        if common_name or alt_names or key_algorithm:
            raise typer.BadParameter("with --csr the names and the key are the request's own")
        body["csr"] = read_public(csr, "a certificate signing request")
    else:
        body |= {"common_name": common_name} if common_name else {}
        body |= {"key_algorithm": key_algorithm} if key_algorithm else {}
        body |= sort_names([name.strip() for name in alt_names.split(",") if name.strip()])
    if authority_id:
        authority_name = _authority_by_id(project, authority_id)
    if authority_name:
        body["authority"] = authority_name
    _issue(certificates(project), body, out, as_json)


@certificate.command("list")
def list_certificates(
    name: Annotated[str | None, typer.Option(help="A name, exact, or *.example.com, example.*")] = None,
    status: Annotated[
        str | None, typer.Option(help="valid, expired, revoked, imported or unverified")
    ] = None,
    serial_number: Annotated[str | None, typer.Option(help="The serial number, in hex.")] = None,
    fingerprint: Annotated[str | None, typer.Option(help="SHA-256 of the certificate, in hex.")] = None,
    key_hash: Annotated[str | None, typer.Option(help="SHA-256 of its SPKI, in hex.")] = None,
    profile_name: Annotated[str | None, typer.Option("--profile", help="The profile's name.")] = None,
    authority_name: Annotated[str | None, typer.Option("--authority", help="The authority's name.")] = None,
    expires_before: Annotated[str | None, typer.Option(help="A time, RFC 3339.")] = None,
    expires_after: Annotated[str | None, typer.Option(help="A time, RFC 3339.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the inventory, newest first."""
    query = {
        "name": name,
        "status": status,
        "serial_number": serial_number,
        "fingerprint": fingerprint,
        "key_hash": key_hash,
        "profile": profile_name,
        "authority": authority_name,
        "expires_before": expires_before,
        "expires_after": expires_after,
    }
    found = list(connect().items(certificates(project), query, limit))
    if as_json:
        print_json(found)
        return
    rows = [[item["id"], item["status"], item["not_after"], item["profile"], _names(item)] for item in found]
    print_table(["id", "status", "not after", "profile", "names"], rows, "no such certificates")


@certificate.command()
def show(certificate_id: CertificateId, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one certificate."""
    found = find(project, certificate_id)
    if as_json:
        print_json(found)
    else:
        _print_certificate(found)
        print(found["certificate"], end="")


@certificate.command()
def revoke(
    certificate_id: CertificateId,
    reason: Annotated[
        str, typer.Option(help="keyCompromise, superseded, cessationOfOperation, …")
    ] = "unspecified",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Revoke a certificate; it stands on the next revocation list, which is published at once."""
    found = find(project, certificate_id)
    answer = connect().post(certificates(project, found["id"], "revoke"), {"reason": reason})
    if as_json:
        print_json(answer)
    else:
        _print_certificate(answer)


@certificate.command()
def renew(
    certificate_id: CertificateId,
    csr: Annotated[Path | None, typer.Option(help="A new certificate signing request (PEM).")] = None,
    same_key: Annotated[
        bool, typer.Option("--same-key", help="Certify the old key again, whoever made it.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A folder for the files.")] = None,
    pkcs12_password_file: Pkcs12PasswordFile = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Issue a certificate anew, with the same names and profile."""
    if csr is not None and same_key:
        raise typer.BadParameter("a CSR brings a key of its own: say --csr or --same-key")
    body: dict[str, Any] = read_password(pkcs12_password_file, out)
    body |= {"csr": read_public(csr, "a certificate signing request")} if csr else {}
    body |= {"same_key": True} if same_key else {}
    _issue(certificates(project, find(project, certificate_id)["id"], "renew"), body, out, as_json)


def sort_names(names: list[str]) -> dict[str, list[str]]:
    """Return the names under the field each kind has in the API."""
    sorted_names: dict[str, list[str]] = {}
    for name in names:
        sorted_names.setdefault(_field_of(name), []).append(name)
    return sorted_names


def _field_of(name: str) -> str:
    if _is_address(name):
        return "ip_addresses"
    if "://" in name or name.startswith("urn:"):
        return "uris"
    if "@" in name:
        return "emails"
    # What only looks like an address is refused as one, so that the sentence says what is wrong with it.
    return "ip_addresses" if ":" in name or name.replace(".", "").isdigit() else "dns_names"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _issue(path: str, body: dict[str, Any], out: Path | None, as_json: bool) -> None:
    """Have a certificate issued, write it where it is wanted, and print it; a written key is not printed."""
    if out is not None:
        prepare_folder(out)
    answer = connect().post(path, body)
    if out is not None:
        written = [*write_certificate(out, answer), *write_pkcs12(out, answer)]
        note(f"written to {out}/: {', '.join(written)}")
        answer.pop("private_key", None)
    if as_json:
        print_json(answer)
    elif out is not None:
        _print_certificate(answer)
    else:
        print(answer["certificate"] + "".join(answer["chain"]) + answer.get("private_key", ""), end="")


def _authority_by_id(project: str, authority_id: str) -> str:
    for item in connect().items(address("v1", "projects", project, "x509", "authorities")):
        if item["id"] == authority_id:
            return str(item["name"])
    return fail(f"no authority has the id {authority_id}: see keywright pki authority list")


def _names(item: dict[str, Any]) -> str:
    return ", ".join(name["value"] for name in item["names"])


def _print_certificate(item: dict[str, Any]) -> None:
    shown = ("id", "serial_number", "status", "profile", "authority", "not_before", "not_after")
    print_fields([*((key, item.get(key)) for key in shown), ("names", _names(item))])
