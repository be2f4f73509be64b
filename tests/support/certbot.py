"""certbot in an environment of its own, only ever run as a subprocess.

certbot brings a package `acme` that must never meet ours: its environment is apart, it runs in another
folder, and no variable of ours tells its interpreter where else to look.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / ".venv-certbot"
_READY = _FOLDER / ".ready"
_HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Ran(Struct, frozen=True):
    """What a run of certbot left."""

    status: int
    output: str


def install_certbot() -> Path:
    """Return the newest certbot of the package registry, installed once for each checkout."""
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _READY.exists():
            _run([sys.executable, "-m", "venv", str(_FOLDER)])
            _run([str(_FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "certbot"])
            _READY.touch()
    return _FOLDER / "bin" / "certbot"


class Certbot:
    """One certbot with its own configuration, against one server."""

    def __init__(self, folder: Path, directory_url: str, ca_file: Path, http_port: int) -> None:
        self.folder = folder
        self._program = install_certbot()
        self._directory_url = directory_url
        self._ca_file = ca_file
        self.http_port = http_port

    def run(self, *arguments: str) -> Ran:
        """Run one command, non-interactively."""
        command = [str(self._program), *arguments, "--non-interactive", "--server", self._directory_url]
        for name in ("config", "work", "logs"):
            command += [f"--{name}-dir", str(self.folder / name)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**_environment(), "REQUESTS_CA_BUNDLE": str(self._ca_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        log = self.folder / "logs" / "letsencrypt.log"
        details = log.read_text()[-4000:] if done.returncode and log.exists() else ""
        return Ran(done.returncode, done.stdout + details)

    def certonly(self, *names: str, standalone: bool = True) -> Ran:
        """Get a certificate by http-01, with certbot's own web server."""
        domains = [argument for name in names for argument in ("-d", name)]
        solver = ["--standalone", "--http-01-port", str(self.http_port)] if standalone else []
        contact = ["--agree-tos", "--register-unsafely-without-email"]
        return self.run("certonly", *solver, *contact, *domains)

    def live(self, name: str, part: str) -> Path:
        """Return a file of the newest certificate: `cert`, `chain`, `fullchain` or `privkey`."""
        return self.folder / "config" / "live" / name / f"{part}.pem"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _HIDDEN}


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd="/", env=_environment(), capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
