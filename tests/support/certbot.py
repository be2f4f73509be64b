"""certbot: the newest in an environment of its own, and Debian's; only ever run as a subprocess.

certbot brings a package `acme` that must never meet ours: its environment is apart, it runs in another
folder, and no variable of ours tells its interpreter where else to look.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.support.client_world import ClientWorld, Ran, clean_environment
from tests.support.command_line import ROOT

_FOLDER = ROOT / ".venv-certbot"
_READY = _FOLDER / ".ready"
DEBIAN_CERTBOT = Path("/usr/bin/certbot")


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

    def __init__(self, world: ClientWorld, folder: Path, program: Path | None = None) -> None:
        self.folder = folder
        self.world = world
        self._program = program or install_certbot()
        self.standalone = ("--standalone", "--http-01-port", str(world.http_port))
        hook = world.dns_hook
        self.manual_dns = (
            *("--manual", "--preferred-challenges", "dns"),
            *(
                "--manual-auth-hook",
                f"{hook} certbot-auth",
                "--manual-cleanup-hook",
                f"{hook} certbot-cleanup",
            ),
        )

    def run(self, *arguments: str, directory_url: str | None = None) -> Ran:
        """Run one command, non-interactively."""
        server = directory_url or self.world.directory_url
        command = [str(self._program), *arguments, "--non-interactive", "--server", server]
        for name in ("config", "work", "logs"):
            command += [f"--{name}-dir", str(self.folder / name)]
        ran = self.world.run(
            command, self.folder, {"REQUESTS_CA_BUNDLE": str(self.world.server.ca_file)}, seconds=120
        )
        log = self.folder / "logs" / "letsencrypt.log"
        details = log.read_text()[-4000:] if ran.status and log.exists() else ""
        return Ran(ran.status, ran.output + details)

    def certonly(self, *names: str, further: tuple[str, ...] = (), directory_url: str | None = None) -> Ran:
        """Get a certificate; by http-01 and certbot's own web server unless `further` chooses otherwise."""
        domains = [argument for name in names for argument in ("-d", name)]
        solver = () if {"--manual", "--webroot"} & {*further} else self.standalone
        contact = ["--agree-tos", "--register-unsafely-without-email"]
        if (key := self.world.external_key) is not None:
            contact += ["--eab-kid", key.id, "--eab-hmac-key", key.hmac_key]
        return self.run("certonly", *solver, *contact, *further, *domains, directory_url=directory_url)

    def live(self, name: str, part: str) -> Path:
        """Return a file of the newest certificate: `cert`, `chain`, `fullchain` or `privkey`."""
        return self.folder / "config" / "live" / name / f"{part}.pem"


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        cwd="/",
        env=clean_environment(Path.home()),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
