"""The files of commands: requests and public keys that are read, certificates and keys that are written."""

import os
from pathlib import Path
from typing import Any

from ca_service.cli.output import fail


def read_public(file: Path, what: str) -> str:
    """Return the text of a file that may be sent to the server; end the command for a private key."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"{file} is not text: name a file that holds {what}")
    if "PRIVATE KEY-----" in text:
        fail(f"{file} holds a private key, which should never leave this machine: name the file of {what}")
    return text


def prepare_folder(folder: Path) -> None:
    """Make the folder, before anything is asked for that could not be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"cannot make the folder {folder}: {error.strerror}")
    if not os.access(folder, os.W_OK | os.X_OK):
        fail(f"cannot write into {folder}: choose another folder")


def write_certificate(folder: Path, answer: dict[str, Any]) -> list[str]:
    """Write certificate, chain and, if there is one, the key (mode 0600); return the names of the files."""
    chain = "".join(answer["chain"])
    written = ["certificate.pem", "chain.pem", "fullchain.pem"]
    if key := answer.get("private_key"):
        # First, because nobody can have it again.
        write_file(folder / "key.pem", key, 0o600)
        written.append("key.pem")
    write_file(folder / "certificate.pem", answer["certificate"])
    write_file(folder / "chain.pem", chain)
    write_file(folder / "fullchain.pem", answer["certificate"] + chain)
    return written


def write_file(file: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file whole under its name, whatever mode the file had that it replaces."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        fail(f"cannot write {file}: {error.strerror}")
