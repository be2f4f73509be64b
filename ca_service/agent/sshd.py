"""sshd itself: our block in its configuration, its own check of it, and its reload."""

import os
import re
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from ca_service.agent.errors import AgentError, ConfigurationError
from ca_service.agent.programs import run_program
from ca_service.agent.tree import HostTree, certificate_of

_BEGIN = "# BEGIN keywright: written by `keywright ssh host enrol`, do not edit"
_END = "# END keywright"
_BLOCK = re.compile(rf"^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n", re.MULTILINE | re.DOTALL)
_SYSTEMD = Path("/run/systemd/system")


class Sshd(Struct, frozen=True):
    """How sshd is checked and reloaded. `reload_command` replaces what we would find out ourselves."""

    program: str = "/usr/sbin/sshd"
    reload_command: str | None = None

    def verify(self, tree: HostTree) -> None:
        """Raise ConfigurationError, in sshd's own words, unless it takes its configuration."""
        done = run_program([self.program, "-t", "-f", str(tree.configuration)])
        if done.returncode != 0:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise ConfigurationError(f"sshd -t refuses {tree.configuration}: {said[:400]}")

    def reload(self, tree: HostTree) -> bool:
        """Have a running sshd read keys and certificates again; open sessions go on.

        Tell whether one was running. Raises AgentError if it could not be told.
        """
        if self.reload_command is not None:
            _must_run(shlex.split(self.reload_command))
            return True
        pid = self._running(tree)
        if pid is not None:
            os.kill(pid, signal.SIGHUP)
            return True
        if tree.root == Path("/") and _SYSTEMD.is_dir():
            for unit in ("ssh", "sshd"):
                if run_program(["systemctl", "is-active", "--quiet", unit]).returncode == 0:
                    _must_run(["systemctl", "reload", unit])
                    return True
        return False

    def _running(self, tree: HostTree) -> int | None:
        """Return the process that the configuration's `PidFile` names, if it is an sshd."""
        shown = run_program([self.program, "-T", "-f", str(tree.configuration)]).stdout.decode()
        match = re.search(r"^pidfile (/.*)$", shown, re.MULTILINE)
        if match is None:
            return None
        try:
            pid = int(Path(match[1]).read_text(encoding="ascii"))
            name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return pid if name == "sshd" else None


def configured(former: str, tree: HostTree, keys: Sequence[Path], principals_command: str | None) -> str:
    """Return sshd's configuration with our block in front, where it wins over what follows."""
    lines = [_BEGIN]
    for key in keys:
        lines += [f"HostKey {key}", f"HostCertificate {certificate_of(key)}"]
    lines.append(f"TrustedUserCAKeys {tree.user_authorities}")
    if principals_command is None:
        lines.append(f"AuthorizedPrincipalsFile {tree.principals}/%u")
    else:
        lines += [
            "AuthorizedPrincipalsFile none",
            f"AuthorizedPrincipalsCommand {principals_command}",
            "AuthorizedPrincipalsCommandUser root",
        ]
    lines += [f"RevokedKeys {tree.revocation_list}", _END, ""]
    return "\n".join(lines) + _BLOCK.sub("", former)


def _must_run(command: list[str]) -> None:
    done = run_program(command)
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise AgentError(f"{' '.join(command)} failed: {said[:300]}")
