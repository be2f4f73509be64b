"""Bytes in and out of commands: files, standard input and output, base64 only between us and the server."""

import base64
import binascii
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from ca_service.cli.files import write_file
from ca_service.cli.output import fail, note
from ca_service.cli.secret_sources import read_octets

Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE", help="A file that only you can read; -: standard output."),
]


def encode(content: bytes) -> str:
    """Return bytes as the API takes them."""
    return base64.b64encode(content).decode()


def decode(text: str) -> bytes:
    """Return the bytes of the API's base64."""
    return base64.b64decode(text, validate=True)


def read_argument(text: str, what: str) -> bytes:
    """Return the bytes of an option: its text, or the content of FILE for `@FILE`."""
    return read_octets(text[1:], what) if text.startswith("@") else text.encode("utf-8", "surrogateescape")


def read_encoded(file: str, what: str) -> bytes:
    """Return what a file holds, as bytes or as one text of base64, which no signature in bytes ever is."""
    content = read_octets(file, what)
    try:
        return base64.b64decode(re.sub(rb"\s", b"", content), validate=True)
    except binascii.Error:
        return content


def write_content(content: bytes, out: str | None, what: str) -> None:
    """Write bytes to a file or to standard output; what is no text is not written to a terminal unasked."""
    if out is None and sys.stdout.isatty() and not _is_text(content):
        fail(f"{what} is binary: name a file with --out, or say --out -")
    if out is None or out == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_file(Path(out), content, 0o600)
        note(f"written to {out}")


def write_encoded(text: str, out: str | None, what: str) -> None:
    """Print the API's base64 as a line, or write the bytes that it stands for where they are wanted."""
    if out is None:
        print(text)
    else:
        write_content(decode(text), out, what)


def _is_text(content: bytes) -> bool:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\n\r\t" for character in text)
