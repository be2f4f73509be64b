"""`keywright ssh sign` and `ssh issue`: a certificate over a key that is there, or over a new pair."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import prepare_folder, read_public, write_file
from ca_service.cli.output import AsJson, fail, note, print_fields, print_json
from ca_service.cli.session import Project, connect
from ca_service.client.api import address

Principals = Annotated[
    str | None,
    typer.Option(help="Login or host names, comma-separated; all that the profile names, if left out."),
]
Profile = Annotated[str, typer.Option("--profile", help="user, host, or another profile.")]
Ttl = Annotated[str | None, typer.Option(help="The lifetime: 1h, 30m, …")]
KeyId = Annotated[str | None, typer.Option(help="What sshd shall log.")]
CriticalOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option", help="A critical option: force-command=id, source-address=10.0.0.0/8, verify-required"
    ),
]
Extensions = Annotated[
    list[str] | None,
    typer.Option(
        "--extension", help="An extension, NAME or NAME=VALUE, instead of the profile's; may be repeated."
    ),
]
_SHOWN = ("serial_number", "key_id", "type", "valid_after", "valid_before", "principals")


def sign(
    public_key: Annotated[Path, typer.Argument(metavar="KEY.pub", help="The public key to certify.")],
    principals: Principals = None,
    profile_name: Profile = "user",
    ttl: Ttl = None,
    key_id: KeyId = None,
    option: CriticalOptions = None,
    extension: Extensions = None,
    out: Annotated[
        Path | None, typer.Option(help="The certificate's file; beside the key by default.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Sign a public key; writes KEY-cert.pub beside it, where ssh finds it."""
    body = _body(profile_name, principals, ttl, key_id, option, extension)
    body["public_key"] = read_public(public_key, "the public key (.pub)").strip()
    target = out or public_key.with_name(public_key.name.removesuffix(".pub") + "-cert.pub")
    prepare_folder(target.parent)
    answer = connect().post(_certificates(project), body)
    write_file(target, answer["certificate"].rstrip("\n") + "\n")
    note(f"written to {target}")
    _show(answer, as_json)


def issue(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The private key's file, which is not there yet.")
    ],
    principals: Principals = None,
    profile_name: Profile = "user",
    key_algorithm: Annotated[
        str, typer.Option("--key", help="ED25519, EC_P256, EC_P384, EC_P521, RSA_3072, RSA_4096")
    ] = "ED25519",
    ttl: Ttl = None,
    key_id: KeyId = None,
    option: CriticalOptions = None,
    extension: Extensions = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Have the server make a pair and certify it; writes FILE, FILE.pub and FILE-cert.pub.

    The private key is in this one answer and nowhere else; where ssh-keygen is at hand, `ssh sign` is better.
    """
    body = _body(profile_name, principals, ttl, key_id, option, extension)
    body["key_algorithm"] = key_algorithm
    if file.exists():
        fail(f"{file} is there already: name another file, or move it away")
    prepare_folder(file.parent)
    answer = connect().post(_certificates(project), body)
    # First, because nobody can have it again.
    write_file(file, answer.pop("private_key"), 0o600)
    write_file(file.with_name(f"{file.name}.pub"), answer["public_key"] + "\n")
    write_file(file.with_name(f"{file.name}-cert.pub"), answer["certificate"].rstrip("\n") + "\n")
    note(f"written to {file}, {file.name}.pub and {file.name}-cert.pub")
    _show(answer, as_json)


def _body(
    profile: str,
    principals: str | None,
    ttl: str | None,
    key_id: str | None,
    options: list[str] | None,
    extensions: list[str] | None,
) -> dict[str, Any]:
    """Return what both ask for; what was left out is the profile's."""
    body: dict[str, Any] = {
        "profile": profile,
        "principals": [name.strip() for name in (principals or "").split(",") if name.strip()],
    }
    body |= {
        name: {key: value for key, _, value in (text.partition("=") for text in texts)}
        for name, texts in (("critical_options", options), ("extensions", extensions))
        if texts
    }
    return body | {name: value for name, value in (("ttl", ttl), ("key_id", key_id)) if value}


def _certificates(project: str) -> str:
    return address("v1", "projects", project, "ssh", "certificates")


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_fields([(name, answer[name]) for name in _SHOWN])
