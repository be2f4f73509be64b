"""One sshd for the tests of a module, with our authorities beside it, made as new before each test."""

import asyncio
import getpass
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from ssh_ca.revocation_list import RevocationList, encode_revocation_list
from tests.support.databases import SqliteTemplate, open_sqlite
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_authority import HOUR, GroundAuthority
from tests.support.ssh_ground import SshGround
from tests.support.sshd import HOST, Sshd, free_port, make_key

_ENDS = ("Connection closed by", "Disconnected from", "Connection reset by")


class Visit(Struct, frozen=True):
    """How a login went: what ssh said, and what sshd logged meanwhile."""

    ssh: "subprocess.CompletedProcess[str]"
    log: str

    @property
    def is_admitted(self) -> bool:
        """Tell whether the command ran and ended well."""
        return self.ssh.returncode == 0


class SshdWorld:
    """An sshd on loopback and the authorities it trusts. `key` is the line of the key named `id`.

    It listens on further ports, where it is set up otherwise: `without_file` has no file of principals,
    `by_command` asks a command for them, `without_root` lets root in nowhere.
    """

    def __init__(self, folder: Path, authority: GroundAuthority) -> None:
        self.folder = folder
        self.authority = authority
        self.port, self.without_file, self.by_command, self.without_root = (free_port() for _ in range(4))
        self.sshd = Sshd(folder, authority, [HOST], self._further(), port=self.port)
        for port in (self.without_file, self.by_command, self.without_root):
            assert self.sshd.says(f"port {port}"), "sshd does not listen everywhere"
        self.user = self.sshd.user
        self.key = make_key(folder, "id")
        self._first = {name: (folder / name).read_bytes() for name in ("host-cert.pub", "known_hosts")}

    def renew(self) -> None:
        """Undo what a test wrote into sshd's files; sshd reads them at each login."""
        for name, content in self._first.items():
            self.write(name, content)
        self.write("principals", b"ops\n")
        self.write("user_ca.pub", self.authority.authority_keys("user").encode())
        self.write("krl", encode_revocation_list(RevocationList(version=1, generated_at=0)))

    def write(self, name: str, content: bytes | str) -> None:
        """Replace a file of sshd's."""
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def certify(self, *principals: str, profile: str = "user", **fields: Any) -> str:
        """Return a certificate over the key `id`, for `ops` if nobody is named."""
        fields.setdefault("public_key", self.key)
        return self.authority.certify(profile, principals=list(principals or ("ops",)), **fields)

    def forge(self, authority: str = "ssh-user", **changes: Any) -> str:
        """Return a certificate over the key `id` as ours never sign one."""
        return self.authority.forge(authority, self.key, **changes)

    def visit(
        self,
        certificate: str,
        command: str = "id -un",
        *options: str,
        key: str = "id",
        port: int | None = None,
    ) -> Visit:
        """Log in, and return once sshd has logged the end of it."""
        since = len(self.sshd.log)
        ssh = self.sshd.login(key, certificate, command, *options, port=port)
        assert self.sshd.says(*_ENDS, since=since), ssh
        return Visit(ssh, "".join(self.sshd.log[since:]))

    def _further(self) -> str:
        ports = "".join(f"Port {port}\n" for port in (self.without_file, self.by_command, self.without_root))
        file = f"    AuthorizedPrincipalsFile {self.folder}/principals\n"
        return (
            f"{ports}RevokedKeys {self.folder}/krl\nExposeAuthInfo yes\n"
            f"Match LocalPort {self.port}\n{file}"
            f"Match LocalPort {self.by_command}\n"
            "    AuthorizedPrincipalsCommand /bin/echo ops-of-%i\n"
            f"    AuthorizedPrincipalsCommandUser {getpass.getuser()}\n"
            f"Match LocalPort {self.without_root}\n{file}    PermitRootLogin no\n"
        )


@contextmanager
def running_sshd_world(folder: Path, template: SqliteTemplate) -> Iterator[SshdWorld]:
    """Run one. Our clock stands two hours back until it is moved, so that what has expired can be signed."""
    folder.chmod(0o700)
    clock = FakeClock(datetime.now(UTC) - 2 * HOUR)
    with asyncio.Runner() as runner:
        database = runner.run(open_sqlite(template.copy_to(folder), clock))
        try:
            authority = GroundAuthority(runner, runner.run(SshGround(database, clock).start()))
            clock.advance(2 * HOUR)
            world = SshdWorld(folder, authority)
            try:
                yield world
            finally:
                world.sshd.stop()
        finally:
            runner.run(database.close())
