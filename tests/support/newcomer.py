"""Somebody who types what the README prints, with nothing but ports, names and folders put in."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.command_line import ROOT, environment_for
from tests.support.server import Server

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECONDS = 120
#: Variables that would let a program trust another root, or go another way to loopback.
_HIDDEN = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)


def blocks_of(section: str) -> list[str]:
    """Return the commands printed in a section of the README, block by block."""
    parts = _HEADING.split((ROOT / "README.md").read_text(encoding="utf-8"))
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[section]
    return _BLOCK.findall(text)


class Newcomer:
    """Sits in a clone whose `.venv` is installed and whose server runs on `data`."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder = folder
        self._server = server
        (folder / ".venv").symlink_to(ROOT / ".venv")
        (folder / "data").symlink_to(server.data)
        (folder / ".ssh").mkdir(mode=0o700)
        hidden = {name: value for name, value in environment_for(None).items() if name not in _HIDDEN}
        # A server on its usual port needs none of the three names of ours; here the port is the system's.
        self.environment = {
            **hidden,
            "HOME": str(folder),
            "no_proxy": "*",
            "KEYWRIGHT_URL": server.url,
            "KEYWRIGHT_CA": str(server.ca_file),
            "KEYWRIGHT_TOKEN": server.admin_token,
        }
        self._preamble = self._adapted(blocks_of("Two commands")[-1], {})

    def types(self, commands: str, put_in: Mapping[str, str] | None = None, stdin: str = "") -> str:
        """Type a block after the exports of the first section; return what was printed on both outputs."""
        typed = self._adapted(commands, put_in or {})
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{self._preamble}\n{typed}"],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"the README's commands failed ({done.returncode}):\n{typed}\n{done.stdout}")
        return done.stdout

    def _adapted(self, commands: str, put_in: Mapping[str, str]) -> str:
        adapted = commands.replace("https://127.0.0.1:8443", self._server.url)
        for printed, real in put_in.items():
            if printed not in adapted:
                raise AssertionError(f"the README does not print {printed!r} there any more:\n{commands}")
            adapted = adapted.replace(printed, real)
        return adapted


def path_with(folder: Path) -> str:
    """Return a search path that finds the programs of a folder too."""
    return f"{os.environ['PATH']}:{folder}"
