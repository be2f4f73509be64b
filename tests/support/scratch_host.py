"""A host in a folder: a tree of its own, a real sshd over its configuration, and the agent that keeps it."""

import getpass
import os
import subprocess
import threading
from pathlib import Path

from tests.support.sshd import HOST, SSHD, free_port

_SECONDS = 20
_CONFIGURATION = """\
# written by hand, before anybody enrolled this host
Port {port}
ListenAddress {host}
PidFile {tree}/sshd.pid
AuthorizedKeysFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
LogLevel VERBOSE
"""


class ScratchHost:
    """One tree with its sshd. `name` is an address, by which ssh knows the host."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.name = HOST
        self.user = getpass.getuser()
        self.log: list[str] = []
        self.port = free_port()
        self.ssh.mkdir(parents=True)
        self.configuration.write_text(_CONFIGURATION.format(port=self.port, host=HOST, tree=tree))
        self._process: subprocess.Popen[str] | None = None

    @property
    def ssh(self) -> Path:
        """Return where sshd's files lie."""
        return self.tree / "etc/ssh"

    @property
    def own(self) -> Path:
        """Return where ours lie."""
        return self.ssh / "keywright"

    @property
    def configuration(self) -> Path:
        """Return sshd's configuration."""
        return self.ssh / "sshd_config"

    def files(self) -> dict[str, bytes]:
        """Return every file of sshd's with its content."""
        return {
            str(file.relative_to(self.ssh)): file.read_bytes()
            for file in sorted(self.ssh.rglob("*"))
            if file.is_file()
        }

    def start(self) -> None:
        """Start sshd and wait until it listens."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(self.configuration)], stderr=subprocess.PIPE, text=True
        )
        self._listening = threading.Semaphore(0)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self.await_listening()

    def await_listening(self) -> None:
        """Wait until sshd says that it listens: once after its start, once after each reload."""
        assert self._listening.acquire(timeout=_SECONDS), "".join(self.log)

    def stop(self) -> None:
        """End sshd and read the rest of its log."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(_SECONDS)
        self._reader.join(_SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None

    def ssh_command(self, key: Path, known_hosts: Path) -> list[str]:
        """Return the command that logs in as the account of these tests, without the remote command."""
        return [
            "ssh", "-F", "none", "-p", str(self.port), "-i", str(key),
            "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
            "-o", f"UserKnownHostsFile={known_hosts}", "-o", "GlobalKnownHostsFile=none",
            "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
            f"{self.user}@{HOST}",
        ]  # fmt: skip

    def login(self, key: Path, known_hosts: Path) -> "subprocess.CompletedProcess[str]":
        """Log in with a key and the certificate beside it."""
        return subprocess.run(
            [*self.ssh_command(key, known_hosts), "id -un"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def logged(self, words: str) -> bool:
        """Tell whether sshd said these words."""
        return any(words in line for line in self.log)

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if "Server listening on" in line:
                self._listening.release()


def serial_of(host: ScratchHost) -> str:
    """Return the serial number of the host certificate in place."""
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(host.ssh / "ssh_host_ed25519_key-cert.pub")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return shown.split("Serial: ")[1].split()[0]


def serial_shown(host: ScratchHost) -> str:
    """Return the serial number of the host certificate that the running sshd shows."""
    scanned = subprocess.run(
        ["ssh-keyscan", "-c", "-t", "ed25519", "-p", str(host.port), HOST],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    line = host.tree / "scanned-cert.pub"
    line.write_text(" ".join(scanned.split()[-2:]) + "\n")
    printed = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(line)], capture_output=True, text=True, check=True
    )
    return printed.stdout.split("Serial: ")[1].split()[0]
