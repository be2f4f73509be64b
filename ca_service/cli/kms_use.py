"""`keywright kms encrypt|decrypt|sign|…`: what keys do, with files and standard input."""

from typing import Annotated, Any

import typer

from ca_service.cli.octets import (
    Out,
    decode,
    encode,
    read_argument,
    read_encoded,
    write_content,
    write_encoded,
)
from ca_service.cli.output import AsJson, fail, note, print_json
from ca_service.cli.place import in_project
from ca_service.cli.secret_sources import read_octets, read_text
from ca_service.cli.session import Project, connect

KeyName = Annotated[str, typer.Argument(metavar="KEY", help="The key's name.")]
File = Annotated[str, typer.Argument(metavar="[FILE]", help="What to work on; -: standard input.")]
Aad = Annotated[
    str | None,
    typer.Option(help="What must be said again to decrypt, and is not in the ciphertext: TEXT or @FILE"),
]
Digest = Annotated[
    str | None, typer.Option(metavar="HEX", help="The digest of the message, in place of FILE.")
]
SignatureAlgorithm = Annotated[
    str | None, typer.Option(help="RSASSA_PSS_SHA_256, ECDSA_SHA_256, ED25519, …; the key's own if left out.")
]
KeyVersion = Annotated[
    int | None, typer.Option("--version", min=1, help="The key's version; the newest if left out.")
]


def keys_of(project: str, *further: str) -> str:
    """Return the address of a project's keys, or of what is below them."""
    return in_project(project, "kms", "keys", *further)


def encrypt(
    name: KeyName,
    file: File = "-",
    aad: Aad = None,
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Encrypt a file of up to 64 KiB; the ciphertext is one line of text."""
    body = {"plaintext": encode(read_octets(file, "a plaintext")), **_aad(aad)}
    answer = connect().post(keys_of(project, name, "encrypt"), body)
    _print_text(answer, "ciphertext", out, as_json)


def decrypt(
    name: KeyName,
    file: File = "-",
    aad: Aad = None,
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Decrypt a ciphertext, exactly to what was encrypted."""
    body = {"ciphertext": read_text(file, "a ciphertext").strip(), **_aad(aad)}
    answer = connect().post(keys_of(project, name, "decrypt"), body)
    if as_json:
        print_json(answer)
    else:
        write_content(decode(answer["plaintext"]), out, "the plaintext")


def rewrap(
    name: KeyName,
    file: File = "-",
    aad: Aad = None,
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Encrypt a ciphertext anew under the current version, without showing what is in it."""
    body = {"ciphertext": read_text(file, "a ciphertext").strip(), **_aad(aad)}
    answer = connect().post(keys_of(project, name, "rewrap"), body)
    _print_text(answer, "ciphertext", out, as_json)


def data_key(
    name: KeyName,
    bits: Annotated[int | None, typer.Option(help="128, 256 or 512; 256 if left out.")] = None,
    aad: Aad = None,
    wrapped_only: Annotated[
        bool, typer.Option("--wrapped-only", help="Only encrypted, for somebody who will decrypt it.")
    ] = False,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="A file for the key itself, as bytes.")
    ] = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a key for encrypting elsewhere; print it and its ciphertext, or keep it in a file."""
    body: dict[str, Any] = {**_aad(aad), **({} if bits is None else {"bits": bits})}
    body |= {"wrapped_only": True} if wrapped_only else {}
    answer = connect().post(keys_of(project, name, "data-key"), body)
    if out is not None and "plaintext" in answer:
        write_content(decode(answer.pop("plaintext")), out, "the key")
    if as_json:
        print_json(answer)
    else:
        print("".join(f"{answer[key]}\n" for key in ("plaintext", "ciphertext") if answer.get(key)), end="")


def sign(
    name: KeyName,
    file: File = "-",
    digest: Digest = None,
    signature_algorithm: SignatureAlgorithm = None,
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Sign a file or its digest; print the signature in base64, or write its bytes to a file."""
    body = _message(file, digest) | _algorithm(signature_algorithm)
    answer = connect().post(keys_of(project, name, "sign"), body)
    _print_encoded(answer, "signature", out, as_json)


def verify(
    name: KeyName,
    signature: Annotated[
        str, typer.Option(metavar="FILE", help="The signature's file, as bytes or in base64.")
    ],
    file: File = "-",
    digest: Digest = None,
    signature_algorithm: SignatureAlgorithm = None,
    version: KeyVersion = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> int:
    """Verify a signature; exit status 1 if it is not good."""
    body: dict[str, Any] = _message(file, digest) | _algorithm(signature_algorithm)
    body |= {"signature": encode(read_encoded(signature, "a signature"))} | _version(version)
    answer = connect().post(keys_of(project, name, "verify"), body)
    return _tell_validity(answer, "signature", as_json)


def hmac(
    name: KeyName,
    file: File = "-",
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make an HMAC of a file; print it in base64, or write its bytes to a file."""
    answer = connect().post(keys_of(project, name, "hmac"), _message(file, None))
    _print_encoded(answer, "hmac", out, as_json)


def verify_hmac(
    name: KeyName,
    hmac_file: Annotated[
        str, typer.Option("--hmac", metavar="FILE", help="The HMAC's file, as bytes or in base64.")
    ],
    file: File = "-",
    version: KeyVersion = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> int:
    """Verify an HMAC; exit status 1 if it is not good."""
    body: dict[str, Any] = {**_message(file, None), "hmac": encode(read_encoded(hmac_file, "an HMAC"))}
    body |= _version(version)
    answer = connect().post(keys_of(project, name, "verify-hmac"), body)
    return _tell_validity(answer, "HMAC", as_json)


def random(
    count: Annotated[int, typer.Argument(metavar="BYTES", min=1, help="How many.")] = 32,
    out: Out = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Print random bytes of the server in base64, or write them to a file."""
    answer = connect().post(in_project(project, "kms", "random"), {"bytes": count})
    _print_encoded(answer, "random", out, as_json)


def add_commands(app: typer.Typer) -> None:
    """Put these commands beside those about keys."""
    for command in (encrypt, decrypt, rewrap, data_key, sign, verify, hmac, verify_hmac, random):
        app.command()(command)


def _aad(text: str | None) -> dict[str, str]:
    return {} if text is None else {"aad": encode(read_argument(text, "what is authenticated too"))}


def _algorithm(name: str | None) -> dict[str, str]:
    return {} if name is None else {"signature_algorithm": name}


def _version(version: int | None) -> dict[str, Any]:
    return {} if version is None else {"version": version}


def _message(file: str, digest: str | None) -> dict[str, Any]:
    if digest is None:
        return {"message": encode(read_octets(file, "a message"))}
    if file != "-":
        raise typer.BadParameter("say FILE or --digest, not both")
    try:
        return {"digest": encode(bytes.fromhex(digest))}
    except ValueError as error:
        raise typer.BadParameter("--digest is in hexadecimal digits, as sha256sum prints it") from error


def _print_text(answer: dict[str, Any], key: str, out: str | None, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        write_content(f"{answer[key]}\n".encode(), out, f"the {key}")


def _print_encoded(answer: dict[str, Any], key: str, out: str | None, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        write_encoded(answer[key], out, f"the {key}")


def _tell_validity(answer: dict[str, Any], what: str, as_json: bool) -> int:
    if as_json:
        print_json(answer)
        return 0 if answer["valid"] else 1
    if not answer["valid"]:
        fail(f"the {what} is not good: it is of another message, another key, or was changed")
    note(f"the {what} is good")
    return 0
