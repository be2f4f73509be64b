"""Asking a person for something that nobody else should see."""

import getpass
import sys

from ca_service.cli.output import fail
from ca_service.kernel.secret_value import SecretValue


def ask_secret(what: str) -> SecretValue[str]:
    """Return what is typed on the terminal without an echo, or one line of a standard input that is none."""
    try:
        answer = getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        answer = ""
    if not answer.strip():
        fail(f"no {what} was given: type it, or send it on standard input")
    return SecretValue(answer.strip())
