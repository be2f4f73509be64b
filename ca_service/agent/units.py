"""The systemd units that run the agent of a host every few minutes (systemd.service(5), systemd.timer(5))."""

from collections.abc import Mapping

from ca_service.agent.errors import AgentError

SERVICE = "keywright-ssh-host.service"
TIMER = "keywright-ssh-host.timer"
#: Printable ASCII without what systemd would read as something else (systemd.syntax(7)).
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+")

# It writes where sshd's configuration and our state are, and nowhere else; what it is given to read is ours.
_SERVICE_TEXT = """\
[Unit]
Description=Keep this host's SSH certificates, revocation list and logins fresh
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={program} ssh host agent
TimeoutStartSec=5min
UMask=0022
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=read-only
ProtectSystem=strict
ReadWritePaths=/etc/ssh /var/lib/keywright
"""

_TIMER_TEXT = """\
[Unit]
Description=Run {service} every {minutes} minutes

[Timer]
OnBootSec=1min
OnUnitActiveSec={minutes}min
RandomizedDelaySec=30s

[Install]
WantedBy=timers.target
"""


def units(program: str, minutes: int) -> Mapping[str, bytes]:
    """Return the files of service and timer by name. Raises AgentError for a program systemd cannot name."""
    if not program.startswith("/") or not _PLAIN.issuperset(program):
        raise AgentError(f"systemd runs a program by a plain absolute path, not {program!r}: say --program")
    return {
        SERVICE: _SERVICE_TEXT.format(program=program).encode(),
        TIMER: _TIMER_TEXT.format(service=SERVICE, minutes=minutes).encode(),
    }
