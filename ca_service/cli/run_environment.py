"""The environment of a command that is run with secrets: what goes in, and what is left out and why."""

import os
import re
from collections.abc import Collection, Mapping

from msgspec import Struct

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: What decides which programs are run and what they load before their first line: a secret that should do
#: that is asked for by its name.
_STEERING = frozenset({"BASH_ENV", "ENV", "HOME", "IFS", "LOGNAME", "OLDPWD", "PATH", "PWD", "SHELL", "USER"})
_STEERING_PREFIXES = ("LD_", "DYLD_")


class RunEnvironment(Struct, frozen=True):
    """The variables as the system takes them, and why a secret is left out, as the end of a sentence."""

    variables: dict[bytes, bytes]
    left_out: dict[str, str]


def with_secrets(
    existing: Mapping[str, str],
    secrets: Mapping[str, str],
    *,
    only: Collection[str] = (),
    prefix: str = "",
    is_overriding: bool = True,
    keeps_token: bool = False,
) -> RunEnvironment:
    """Return the environment with the secrets in it, each as `prefix` and its name, in UTF-8.

    Secrets win over variables that are there unless `is_overriding` is False. Our own token stays only with
    `keeps_token`; a secret of that name is put in like any other.
    """
    kept = {
        os.fsencode(name): os.fsencode(value)
        for name, value in existing.items()
        if keeps_token or name != "KEYWRIGHT_TOKEN"
    }
    chosen: dict[bytes, bytes] = {}
    left_out: dict[str, str] = {}
    for name, value in secrets.items():
        if only and name not in only:
            continue
        reason = _unfit(prefix + name, value) or (None if name in only else _steering(prefix + name, name))
        if reason is None:
            chosen[(prefix + name).encode()] = value.encode()
        else:
            left_out[name] = reason
    return RunEnvironment({**kept, **chosen} if is_overriding else {**chosen, **kept}, left_out)


def is_variable(name: str) -> bool:
    """Tell whether every shell takes this as the name of a variable (POSIX.1-2017, 3.235)."""
    return _VARIABLE.fullmatch(name) is not None


def _unfit(variable: str, value: str) -> str | None:
    if not is_variable(variable):
        return "is not the name of a variable"
    return "holds a NUL, which no variable can" if "\0" in value else None


def _steering(variable: str, name: str) -> str | None:
    if variable in _STEERING or variable.startswith(_STEERING_PREFIXES):
        return f"would steer which programs run: say --only {name} if it shall"
    return None
