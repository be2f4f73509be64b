"""`keywright ssh …`: what authorities publish, and the certificates that there are."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli import ssh_authorities, ssh_host, ssh_login, ssh_mapping, ssh_profiles, ssh_sign
from ca_service.cli.files import prepare_folder, read_public, write_file
from ca_service.cli.output import AsJson, fail, note, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import ApiClient, address

app = typer.Typer(no_args_is_help=True, help="SSH certificates and authorities.")
ca = typer.Typer(no_args_is_help=True, help="The public keys of the SSH authorities.")
certificate = typer.Typer(no_args_is_help=True, help="Find and revoke SSH certificates.")
app.add_typer(ca, name="ca")
app.add_typer(certificate, name="certificate")
app.add_typer(ssh_host.app, name="host")
app.add_typer(ssh_mapping.app, name="mapping")
app.add_typer(ssh_authorities.app, name="authority")
app.add_typer(ssh_profiles.app, name="profile")
app.command()(ssh_sign.sign)
app.command()(ssh_sign.issue)
app.command()(ssh_login.login)
app.command("connect")(ssh_login.connect_to)
app.command()(ssh_login.config)


_PAIR_TRIES = 5


@ca.command()
def user(project: Project = "default", as_json: AsJson = False) -> None:
    """Print the keys for sshd's TrustedUserCAKeys."""
    _print_keys(_authority_keys(project, "user"), as_json)


@ca.command()
def host(
    known_hosts: Annotated[
        str | None, typer.Option(help="Print @cert-authority lines of known_hosts for this pattern.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Print the keys that sign hosts, or their lines for known_hosts."""
    keys = _authority_keys(project, "host")
    if known_hosts:
        keys = [f"@cert-authority {known_hosts} {key}" for key in keys]
    _print_keys(keys, as_json)


@app.command()
def krl(
    out: Annotated[
        Path | None, typer.Option(help="The file for sshd's RevokedKeys; the signature goes to FILE.sig.")
    ] = None,
    project: Project = "default",
) -> None:
    """Fetch the key revocation list; --out replaces the file whole, so that sshd never reads half of one."""
    if out is None:
        if sys.stdout.isatty():
            fail("a key revocation list is binary: name a file with --out, or redirect the output")
        sys.stdout.buffer.write(connect(with_token=False).octets(address("ssh", project, "krl")))
        return
    prepare_folder(out.parent)
    content, signature = _list_and_signature(project)
    write_file(out.with_name(f"{out.name}.sig"), signature)
    write_file(out, content)
    note(f"written to {out} and {out}.sig")


@certificate.command("list")
def list_certificates(
    key_id: Annotated[str | None, typer.Option(help="The key id.")] = None,
    principal: Annotated[str | None, typer.Option(help="A principal.")] = None,
    status: Annotated[str | None, typer.Option(help="valid, expired or revoked")] = None,
    serial_number: Annotated[str | None, typer.Option(help="The number, as sshd logs it.")] = None,
    authority: Annotated[
        str | None, typer.Option(help="The authority's name, or its fingerprint as sshd logs it: SHA256:…")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the inventory, newest first."""
    client = connect()
    if authority is not None and authority.startswith("SHA256:"):
        authority = _named(client, project, authority)
    query = {
        "key_id": key_id,
        "principal": principal,
        "status": status,
        "serial_number": serial_number,
        "authority": authority,
    }
    found = list(client.items(_certificates(project), query, limit))
    if as_json:
        print_json(found)
        return
    _print_certificates(found)


@app.command()
@certificate.command()
def revoke(
    serial_number: Annotated[str | None, typer.Option(help="A serial number, with --authority.")] = None,
    authority: Annotated[
        str | None, typer.Option(help="The authority of --serial-number, or of --everything.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All that --authority ever signed; it signs no more.")
    ] = False,
    key_id: Annotated[str | None, typer.Option(help="All certificates of this key id.")] = None,
    for_good: Annotated[
        bool, typer.Option("--for-good", help="Never certify the --key-id again, and refuse unknown ones.")
    ] = False,
    public_key: Annotated[Path | None, typer.Option(help="All certificates of this public key.")] = None,
    identity: Annotated[str | None, typer.Option(help="All that this identity asked for (idn_…).")] = None,
    sent: Annotated[
        Path | None, typer.Option("--certificate", help="The one in this file, as somebody found it.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Revoke SSH certificates by serial number, key id, public key, identity or authority."""
    ways = (authority, key_id, public_key, identity, sent)
    if (
        sum(way is not None for way in ways) != 1
        or (serial_number is not None) + everything != (authority is not None)
        or (for_good and not key_id)
    ):
        raise typer.BadParameter(
            "say --authority with --serial-number or --everything; --key-id; --public-key; --identity; or "
            "--certificate"
        )
    body: dict[str, Any] = {
        "serial_number": serial_number,
        "authority": authority,
        "key_id": key_id,
        "for_good": for_good or None,
        "everything": everything or None,
        "public_key": None if public_key is None else _read_key(public_key),
        "identity": identity,
        "certificate": None if sent is None else _read_key(sent),
    }
    given = {name: value for name, value in body.items() if value is not None}
    answer = connect().post(_certificates(project, "revoke"), given)
    if as_json:
        print_json(answer)
    elif everything:
        note(f"revoked all that {authority} signed: {answer['newly_revoked']} certificates of the inventory")
    else:
        _print_certificates(answer["items"])


def _named(client: ApiClient, project: str, fingerprint: str) -> str:
    """Return the name of the authority whose key has this fingerprint."""
    found = client.items(address("v1", "projects", project, "ssh", "authorities"))
    name = next((each["name"] for each in found if each["fingerprint"] == fingerprint), None)
    if name is None:
        fail(f"no SSH authority of the project {project} has a key of that fingerprint")
    return str(name)


def _certificates(project: str, *further: str) -> str:
    return address("v1", "projects", project, "ssh", "certificates", *further)


def _list_and_signature(project: str) -> tuple[bytes, bytes]:
    """Return the two of one publication: a revocation may come between fetching one and the other."""
    client = connect(with_token=False)
    content_path, signature_path = address("ssh", project, "krl"), address("ssh", project, "krl.sig")
    signature = client.octets(signature_path)
    for _ in range(_PAIR_TRIES):
        content, former, signature = client.octets(content_path), signature, client.octets(signature_path)
        if former == signature:
            break
    else:
        fail("the list is being replaced again and again: ask again")
    return content, signature


def _authority_keys(project: str, kind: str) -> list[str]:
    return connect(with_token=False).text(address("ssh", project, f"{kind}-ca.pub")).splitlines()


def _print_keys(keys: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"keys": keys})
    else:
        print("".join(f"{key}\n" for key in keys), end="")


def _print_certificates(found: list[dict[str, Any]]) -> None:
    columns = ("serial_number", "type", "status", "key_id", "principals")
    rows = [[item[column] for column in columns] for item in found]
    print_table(["serial", "type", "status", "key id", "principals"], rows, "no such certificates")


def _read_key(file: Path) -> str:
    return read_public(file, "the public key (.pub)").strip()
