"""Debian's uacme and ualpn.

uacme trusts the system's roots and nothing else: here it runs in a mount namespace whose file of roots is the
test server's.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.client_world import ClientWorld, Ran
from tests.support.daemon import running_daemon

_ROOTS = "/etc/ssl/certs/ca-certificates.crt"
_MOUNT = f'mount --bind "$0" {_ROOTS} && exec "$@"'
#: What stands before a file of roots and a command that shall trust them alone.
TRUSTING = ("unshare", "--mount", "--map-root-user", "sh", "-c", _MOUNT)
HTTP_HOOK = "/usr/share/uacme/uacme.sh"
ALPN_HOOK = """\
#!/bin/sh
[ "$2" = tls-alpn-01 ] || exit 1
case $1 in begin) line="auth $3 $5" ;; *) line="unauth $3" ;; esac
case $(echo "$line" | ualpn --sock '{sock}') in OK*) exit 0 ;; *) exit 1 ;; esac
"""


class Uacme:
    """One uacme and its account, against one server."""

    def __init__(self, world: ClientWorld, folder: Path) -> None:
        self.folder = folder
        self.world = world

    def run(self, *arguments: str) -> Ran:
        """Run one command, with an account made before if there is none."""
        if not (self.folder / "uacme" / "private" / "key.pem").exists():
            key = self.world.external_key
            bound = () if key is None else ("--eab", f"{key.id}:{key.hmac_key}")
            made = self._run(*bound, "new", "a@example.com")
            if made.status:
                return made
        return self._run(*arguments)

    def issue(self, *names: str, hook: str, further: Sequence[str] = ()) -> Ran:
        """Get a certificate; the hook chooses the challenge."""
        return self.run("--hook", hook, *further, "issue", *names)

    def chain(self, name: str) -> Path:
        """Return the file of a certificate and its chain."""
        return self.folder / "uacme" / name.removeprefix("*.") / "cert.pem"

    def key(self, name: str) -> Path:
        """Return the file of a certificate's key."""
        return self.folder / "uacme" / "private" / name.removeprefix("*.") / "key.pem"

    @contextlib.contextmanager
    def answering_tls(self) -> Iterator[str]:
        """Run ualpn on the port for tls-alpn-01; yield the hook that tells it what to answer."""
        sock, hook = self.folder / "ualpn.sock", self.folder / "ualpn-hook"
        hook.write_text(ALPN_HOOK.format(sock=sock))
        hook.chmod(0o755)
        command = [
            *("ualpn", "-vv", "--bind", f"127.0.0.1@{self.world.tls_port}", "--connect", "127.0.0.1@9"),
            *("--sock", str(sock), "--pidfile", str(self.folder / "ualpn.pid"), "--num-workers", "1"),
        ]
        with running_daemon(command, self.folder, self.world.environment(self.folder)) as ualpn:
            ualpn.wait_for("starting")
            yield str(hook)

    def _run(self, *arguments: str) -> Ran:
        uacme = ["uacme", "--verbose", "--yes", "--acme-url", self.world.directory_url]
        folder = str(self.folder / "uacme")
        return self.world.run(
            [*TRUSTING, str(self.world.server.ca_file), *uacme, "--confdir", folder, *arguments],
            self.folder,
            {"UACME_CHALLENGE_PATH": str(self.folder / "www" / ".well-known" / "acme-challenge")},
        )
