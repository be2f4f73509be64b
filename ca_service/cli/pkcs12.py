"""PKCS #12 files: the password that is sent for one, and the file that comes back."""

from base64 import b64decode
from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import write_file
from ca_service.cli.output import fail

Pkcs12PasswordFile = Annotated[
    Path | None,
    typer.Option(help="A file with a password: writes key.p12 (PKCS #12) into the folder of --out, too."),
]
_NAME = "key.p12"


def read_password(file: Path | None, out: Path | None) -> dict[str, Any]:
    """Return what is asked for in a request; without a folder there is nowhere to write to."""
    if file is None:
        return {}
    if out is None:
        raise typer.BadParameter("--pkcs12-password-file writes a file: say --out, too")
    try:
        password = file.read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except UnicodeDecodeError:
        fail(f"{file} is not text: name a file that holds a password")
    return {"pkcs12_password": password}


def write_pkcs12(folder: Path, answer: dict[str, Any]) -> list[str]:
    """Write the file (mode 0600) if there is one, taken out of the answer; return its name."""
    encoded = answer.pop("pkcs12", None)
    if encoded is None:
        return []
    write_file(folder / _NAME, b64decode(encoded), 0o600)
    return [_NAME]
