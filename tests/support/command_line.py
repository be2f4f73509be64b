"""The command line of ours, run as a person runs it."""

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.prepared_process import PreparedProcess

ROOT = Path(__file__).resolve().parents[2]
_COMMANDS = PreparedProcess(ROOT)
atexit.register(_COMMANDS.close)


def environment_for(env: Mapping[str, str] | None) -> dict[str, str]:
    """Return an environment without settings of ours, plus `env`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEYWRIGHT")}
    return {**kept, **(env or {})}


def keywright(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run one command of the command line to its end; `stdin` is what is piped into it."""
    if arguments[:1] != ("serve",):
        return _COMMANDS.run(arguments, environment_for(env), cwd or ROOT, stdin)
    return subprocess.run(
        command(*arguments),
        env=environment_for(env),
        cwd=cwd or ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def command(*arguments: str) -> list[str]:
    """Return what starts `keywright` in a process of its own."""
    return [sys.executable, "-m", "ca_service.cli.main", *arguments]
