"""A real sshd on loopback and a real ssh beside it, in a folder of their own."""

import getpass
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import Protocol

SSHD = "/usr/sbin/sshd"
HOST = "127.0.0.1"
_SECONDS = 20

_CONFIGURATION = """\
Port {port}
ListenAddress {host}
PidFile none
HostKey {folder}/host
HostCertificate {folder}/host-cert.pub
TrustedUserCAKeys {folder}/user_ca.pub
AuthorizedKeysFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
LogLevel VERBOSE
"""


class SshAuthorityClient(Protocol):
    """Whatever certifies keys: our handlers, or our service over HTTP."""

    def certify(self, profile: str, public_key: str, principals: list[str], **fields: object) -> str:
        """Return the line of a certificate; `fields` are those of the body (`ttl`, `critical_options`, …)."""

    def authority_keys(self, kind: str) -> str:
        """Return the published keys of the authorities for `user` or `host`, one a line."""


def make_key(folder: Path, name: str, kind: str = "ed25519") -> str:
    """Make a key pair with ssh-keygen and return the public line. `kind` may carry bits: `ecdsa-384`."""
    algorithm, _, bits = kind.partition("-")
    command = ["ssh-keygen", "-q", "-t", algorithm, "-N", "", "-C", name, "-f", str(folder / name)]
    subprocess.run(command + (["-b", bits] if bits else []), check=True, timeout=_SECONDS)
    return (folder / f"{name}.pub").read_text()


class Sshd:
    """One sshd that trusts one authority for users and shows a certificate of one for hosts.

    The account is the one that runs the tests; it may be entered as the principal `ops`. `further` are lines
    of its configuration; `port` is for those that know its port.
    """

    def __init__(
        self,
        folder: Path,
        authority: SshAuthorityClient,
        host_principals: list[str],
        further: str = "",
        *,
        port: int | None = None,
    ) -> None:
        self.folder = folder
        self.log: list[str] = []
        self._grown = threading.Condition()
        self.user = getpass.getuser()
        host_key = make_key(folder, "host")
        self._write("host-cert.pub", authority.certify("host", host_key, host_principals) + "\n")
        self._write("user_ca.pub", authority.authority_keys("user"))
        self._write("principals", "ops\n")
        lines = authority.authority_keys("host").splitlines()
        self._write("known_hosts", "".join(f"@cert-authority {HOST} {line}\n" for line in lines))
        self.port = port or free_port()
        configuration = _CONFIGURATION.format(port=self.port, host=HOST, folder=folder)
        if "AuthorizedPrincipals" not in further:
            configuration += f"AuthorizedPrincipalsFile {folder}/principals\n"
        self._write("sshd_config", configuration + further)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE, text=True
        )
        self._wait_until_it_listens()

    def login(
        self, key: str, certificate: str, command: str = "id -un", *options: str, port: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Log in with a key made by `make_key` and its certificate, and run a command."""
        self._write(f"{key}-cert.pub", certificate + "\n")
        return subprocess.run(
            [
                "ssh", "-F", "none", "-p", str(port or self.port), "-i", str(self.folder / key),
                "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
                "-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}", "-o", "GlobalKnownHostsFile=none",
                "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
                *options, f"{self.user}@{HOST}", command,
            ],
            capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def logged(self, words: str) -> bool:
        """Tell whether sshd said these words."""
        return any(words in line for line in self.log)

    def says(self, *words: str, since: int = 0) -> bool:
        """Tell whether sshd says one of these, in its log from `since` on; waits a moment for it to."""
        with self._grown:
            return self._grown.wait_for(
                lambda: any(each in line for line in self.log[since:] for each in words), timeout=5
            )

    def stop(self) -> None:
        """End sshd, once, and read the rest of its log."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        self._process.wait(_SECONDS)
        self._reader.join(_SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _wait_until_it_listens(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if "Server listening on" in line:
                break
        else:
            raise AssertionError(f"sshd did not start: {''.join(self.log)}")
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._grown:
                self.log.append(line)
                self._grown.notify_all()

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
