"""Where everything lies on a host, below the root of its file system or of a scratch tree."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ca_service.agent.errors import AgentError
from ca_service.agent.whole_files import make_folder, plain_files

_KEY_NAMES = ("ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key")


class HostTree:
    """The paths of one host. What is written into sshd's configuration begins with `root` too."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.ssh = self.root / "etc/ssh"
        self.own = self.ssh / "keywright"
        self.state_folder = self.root / "var/lib/keywright/ssh-host"

    @property
    def configuration(self) -> Path:
        """Return sshd's configuration."""
        return self.ssh / "sshd_config"

    @property
    def user_authorities(self) -> Path:
        """Return the file for `TrustedUserCAKeys`."""
        return self.own / "user_ca.pub"

    @property
    def principals(self) -> Path:
        """Return the folder for `AuthorizedPrincipalsFile`: a file for each account."""
        return self.own / "principals"

    @property
    def revocation_list(self) -> Path:
        """Return the file for `RevokedKeys`."""
        return self.own / "krl"

    @property
    def state(self) -> Path:
        """Return what the agent knows."""
        return self.state_folder / "state.json"

    @property
    def server_root(self) -> Path:
        """Return the root by which the server is trusted."""
        return self.state_folder / "server-ca.pem"

    @property
    def journal(self) -> Path:
        """Return where former files lie while new ones are being tried."""
        return self.state_folder / "journal"

    @property
    def host_keys(self) -> list[Path]:
        """Return the private host keys that are there."""
        return [self.ssh / name for name in _KEY_NAMES if (self.ssh / name).is_file()]

    @property
    def new_host_key(self) -> Path:
        """Return where a host key is made when there is none."""
        return self.ssh / _KEY_NAMES[0]

    @property
    def files_of_ours(self) -> list[Path]:
        """Return every file that an enrolment may write, but those in the folder of principals."""
        keys = [self.ssh / name for name in _KEY_NAMES]
        return [
            self.configuration,
            *(each for key in keys for each in (key, public_key_of(key), certificate_of(key))),
            self.user_authorities,
            self.revocation_list,
            self.state,
            self.server_root,
        ]

    def accounts(self) -> list[str]:
        """Return the accounts that have a file of principals."""
        return [file.name for file in plain_files(self.principals)]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else change this tree meanwhile. Raises AgentError if somebody does already."""
        make_folder(self.state_folder, 0o700)
        descriptor = os.open(self.state_folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AgentError("another keywright ssh host is at work here: wait for it") from error
            yield
        finally:
            os.close(descriptor)


def public_key_of(key: Path) -> Path:
    """Return the file of the public key."""
    return key.with_name(f"{key.name}.pub")


def certificate_of(key: Path) -> Path:
    """Return the file of the certificate."""
    return key.with_name(f"{key.name}-cert.pub")
