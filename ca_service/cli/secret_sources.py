"""Where the values of secrets come from: arguments, files, standard input, or a person who types one."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from ca_service.cli.output import fail

#: More than any value may have, so that a wrong file is not read whole.
_MOST = 2 * 1024 * 1024


def read_assignments(texts: Sequence[str], *, is_literal: bool = False) -> dict[str, str]:
    """Return the values of `NAME=VALUE`, `NAME=@FILE`, `NAME=-` and `NAME`; end the command if one has none.

    `-` takes standard input exactly. `NAME` alone asks on a terminal, and otherwise takes standard input
    without the line end at its end. With `is_literal` every value behind `=` is taken as it stands.
    """
    names = [text.partition("=")[0] for text in texts]
    if not all(names):
        raise typer.BadParameter("a secret is NAME=VALUE, NAME=@FILE, NAME=- or NAME")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise typer.BadParameter(f"{', '.join(repeated)} is given more than once")
    is_typed = sys.stdin.isatty()
    piped = [text for text in texts if _is_piped(text, is_literal=is_literal, is_typed=is_typed)]
    if len(piped) > 1:
        raise typer.BadParameter("standard input holds one value: give the others as NAME=@FILE")
    return {name: _value_of(text, is_literal=is_literal) for name, text in zip(names, texts, strict=True)}


def read_octets(file: str, what: str) -> bytes:
    """Return the content of a file, or of standard input for `-`; end the command if it cannot be read."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(_MOST + 1)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    if len(content) > _MOST:
        fail(f"{_shown(file)} is larger than {what} may be")
    return content


def read_text(file: str, what: str) -> str:
    """Return the text of a file, or of standard input for `-`; end the command if it is none."""
    try:
        return read_octets(file, what).decode("utf-8")
    except UnicodeDecodeError:
        fail(f"{_shown(file)} is not UTF-8 text, as {what} has to be: encode it, with base64 for instance")


def _value_of(text: str, *, is_literal: bool) -> str:
    name, is_assigned, value = text.partition("=")
    if not is_assigned:
        return _ask(name)
    if is_literal:
        return value
    if value == "-":
        return read_text("-", "a secret")
    return read_text(value[1:], "a secret") if value.startswith("@") else value


def _ask(name: str) -> str:
    if not sys.stdin.isatty():
        return read_text("-", "a secret").removesuffix("\n").removesuffix("\r")
    try:
        return getpass.getpass(f"{name}: ")
    except EOFError:
        return fail(f"no value of {name} was given: type it, or send it on standard input")


def _is_piped(text: str, *, is_literal: bool, is_typed: bool) -> bool:
    _, is_assigned, value = text.partition("=")
    return (value == "-" and not is_literal) if is_assigned else not is_typed


def _shown(file: str) -> str:
    return "standard input" if file == "-" else file
