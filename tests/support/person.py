"""A person at the command line: settings of their own, a folder of their own, one server."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.command_line import keywright
from tests.support.server import Server


class Person:
    """Runs `keywright` as somebody; the administrator unless told otherwise, `token=None` is nobody yet."""

    def __init__(self, server: Server, folder: Path, *, token: str | None = "") -> None:
        self.server = server
        self.folder = folder
        self.environment = {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "settings"),
            "KEYWRIGHT_URL": server.url,
            "KEYWRIGHT_CA": str(server.ca_file),
            "TERM": "dumb",
        }
        if token is not None:
            self.environment["KEYWRIGHT_TOKEN"] = token or server.admin_token

    def run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run one command in this person's folder, whatever comes of it."""
        return keywright(*arguments, env=self.environment, cwd=self.folder, stdin=stdin)

    def does(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run one command that must succeed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"keywright {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done

    def reads(self, *arguments: str) -> Any:
        """Run one command that must succeed and return its JSON."""
        return json.loads(self.does(*arguments, "--json").stdout)

    def is_refused(self, *arguments: str, status: int = 1, stdin: str = "") -> str:
        """Run one command that must end with this status, and return its one sentence."""
        done = self.run(*arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (status, ""), done
        [sentence] = done.stderr.splitlines()
        assert sentence.startswith("keywright: ")
        return sentence
