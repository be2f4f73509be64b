"""`keywright ssh login`, `connect` and `config`: short-lived certificates for people, without a file."""

import re
import shlex
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from ca_service.cli.files import prepare_folder, write_file
from ca_service.cli.output import AsJson, fail, note, print_fields, print_json
from ca_service.cli.session import Project, connect
from ca_service.cli.ssh_agent import Agent, HeldCertificate
from ca_service.client.api import address
from ca_service.client.settings import load_settings
from ca_service.config import environment
from ca_service.kernel.clock import SystemClock

#: A certificate that ends sooner is as good as none: a login takes a moment.
_MARGIN = timedelta(seconds=60)
#: How long a known_hosts file of ours is taken as it is.
_FRESH_FOR = timedelta(minutes=5)

Profile = Annotated[str, typer.Option("--profile", help="The profile to sign by.")]
Principals = Annotated[
    str | None, typer.Option(help="Login names, comma-separated; all that the profile names, if left out.")
]
Ttl = Annotated[str | None, typer.Option(help="The lifetime: 1h, 30m, …")]


def login(
    principals: Principals = None,
    profile: Profile = "user",
    ttl: Ttl = None,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Do nothing while a good certificate is in the agent.")
    ] = False,
    known_hosts: Annotated[
        Path | None, typer.Option(help="Also keep this file of @cert-authority lines fresh.")
    ] = None,
    hosts: Annotated[str, typer.Option(help="The hosts that --known-hosts is about.")] = "*",
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing unless it fails.")] = False,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a key, have it signed, and load both into the ssh-agent for as long as the certificate lives."""
    agent = _agent(project, profile)
    if agent is None:
        fail("there is no ssh-agent (SSH_AUTH_SOCK is not set): start one, or use keywright ssh connect")
    held, is_new = _log_in(agent, project, profile, _split(principals), ttl, if_needed=if_needed)
    if known_hosts is not None:
        _refresh(known_hosts.expanduser(), project, hosts)
    shown = {
        "serial_number": str(held.serial_number),
        "principals": list(held.principals),
        "valid_before": held.valid_before.isoformat(),
        "is_new": is_new,
    }
    if as_json:
        print_json(shown)
    elif not quiet:
        note("the key and its certificate are in the agent" if is_new else "the agent has a good one already")
        print_fields([(name, shown[name]) for name in ("serial_number", "principals", "valid_before")])


def connect_to(
    host: Annotated[str, typer.Argument(metavar="[USER@]HOST", help="Where to, as ssh takes it.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- ARGUMENTS", help="Options of ssh and the command, behind --."),
    ] = None,
    principals: Principals = None,
    profile: Profile = "user",
    ttl: Ttl = None,
    project: Project = "default",
) -> int:
    """Log in and run ssh, trusting hosts that this project's authorities vouch for; ends as ssh ends."""
    program = shutil.which("ssh")
    if program is None:
        fail("there is no ssh on this machine: install OpenSSH's client")
    if host.startswith("-"):
        raise typer.BadParameter("name a host; options of ssh stand behind --")
    runtime = environment().get("XDG_RUNTIME_DIR")
    with tempfile.TemporaryDirectory(prefix="keywright-ssh-", dir=runtime or None) as name:
        folder = Path(name)
        _write_identity(folder, project, profile, _split(principals), ttl)
        # For this one connection, whatever name the host goes by in the person's own configuration.
        write_file(folder / "known_hosts", _known_hosts(project, "*"), 0o600)
        command = [
            program,
            "-o", f"UserKnownHostsFile={folder}/known_hosts ~/.ssh/known_hosts ~/.ssh/known_hosts2",
            "-o", f"CertificateFile={folder}/id-cert.pub",
            "-i", f"{folder}/id",
            host,
            *(arguments or []),
        ]  # fmt: skip
        return subprocess.call(command)


def config(
    hosts: Annotated[str, typer.Option(help="Patterns of hosts, as in ssh_config: *.example.com")] = "*",
    known_hosts: Annotated[
        bool, typer.Option("--known-hosts", help="Print lines for known_hosts, not for ssh_config.")
    ] = False,
    keep_hosts_in: Annotated[
        str | None,
        typer.Option(help="The file of @cert-authority lines; ~/.ssh/keywright_known_hosts_PROJECT."),
    ] = None,
    profile: Profile = "user",
    principals: Principals = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Print what makes plain ssh log in by itself: a block for ~/.ssh/config, or lines for known_hosts.

    The block runs `keywright ssh login --if-needed` before each connection, which keeps the host authorities'
    keys fresh too, so that a rotation needs no change on this machine.
    """
    lines = _known_hosts(project, hosts)
    file = keep_hosts_in or f"~/.ssh/keywright_known_hosts_{project}"
    block = _block(hosts, profile, principals, project, file)
    if as_json:
        print_json({"config": block, "known_hosts": lines.splitlines()})
    else:
        print(lines if known_hosts else block, end="")


def _block(hosts: str, profile: str, principals: str | None, project: str, file: str) -> str:
    if not hosts.strip() or any(mark in hosts for mark in "\"'\n%"):
        raise typer.BadParameter("--hosts are patterns without quotes, % and line ends")
    if not re.fullmatch(r"[\w~./+@:-]+", file):
        raise typer.BadParameter("--keep-hosts-in is a path of letters, digits and -_.+@:/")
    patterns = ",".join(hosts.replace(",", " ").split())
    words = ["keywright", "ssh", "login", "--if-needed", "--quiet", "--project", project]
    words += ["--profile", profile]
    words += ["--principals", principals] if principals else []
    command = f"{shlex.join(words)} --known-hosts {file} --hosts '{patterns}'"
    if '"' in command or "%" in command:
        raise typer.BadParameter("names of projects, profiles and principals have no quotes and no %")
    return (
        f'Match host "{patterns}" exec "{command}"\n'
        f"    UserKnownHostsFile ~/.ssh/known_hosts {file}\n"
        "Match all\n"
    )


def _agent(project: str, profile: str) -> Agent | None:
    variables = environment()
    socket = variables.get("SSH_AUTH_SOCK")
    comment = f"keywright {load_settings(variables).url} {project}/{profile}"
    return Agent(socket, comment) if socket else None


def _log_in(
    agent: Agent,
    project: str,
    profile: str,
    principals: list[str],
    ttl: str | None,
    *,
    if_needed: bool,
) -> tuple[HeldCertificate, bool]:
    """Return our certificate that the agent has now, and whether it is a new one."""
    now = SystemClock().now()
    if if_needed:
        for held in agent.held():
            if held.valid_before > now + _MARGIN and set(principals) <= set(held.principals):
                return held, False
    private_key, held = _certified(project, profile, principals, ttl)
    agent.replace(private_key, held.line, _lifetime(held.valid_before))
    return held, True


def _certified(
    project: str, profile: str, principals: list[str], ttl: str | None
) -> tuple[str, HeldCertificate]:
    """Return a fresh private key, which nobody else ever sees, and its certificate."""
    from ca_service.custody.algorithms import KeyAlgorithm
    from ca_service.custody.generation import generate_key
    from ca_service.kernel.errors import KeywrightError
    from ssh_ca.certificate_reader import parse_certificate
    from ssh_ca.signatures import public_key_blob, public_key_line

    key = generate_key(KeyAlgorithm.ED25519)
    line = public_key_line(public_key_blob(key.public_key), "").rstrip()
    body: dict[str, Any] = {"profile": profile, "public_key": line}
    body |= {name: value for name, value in (("principals", principals), ("ttl", ttl)) if value}
    answer = connect().post(address("v1", "projects", project, "ssh", "certificates"), body)
    certificate = str(answer["certificate"])
    try:
        content = parse_certificate(certificate).content
    except KeywrightError as error:
        fail(f"the server's certificate cannot be used: {error.detail}")
    if content.subject_key.line != line:
        fail("the server certified another key than the one that was sent: nothing was kept")
    held = HeldCertificate(certificate, line, content.principals, content.serial_number, content.valid_before)
    return key.openssh_pem().reveal(), held


def _write_identity(folder: Path, project: str, profile: str, principals: list[str], ttl: str | None) -> None:
    """Write what ssh needs to log in; the private key itself only where there is no agent to hold it."""
    agent = _agent(project, profile)
    if agent is None:
        private_key, held = _certified(project, profile, principals, ttl)
        write_file(folder / "id", private_key, 0o600)
    else:
        held, _ = _log_in(agent, project, profile, principals, ttl, if_needed=True)
    write_file(folder / "id.pub", held.key_line + "\n", 0o600)
    write_file(folder / "id-cert.pub", held.line + "\n", 0o600)


def _known_hosts(project: str, hosts: str) -> str:
    patterns = ",".join(hosts.replace(",", " ").split()) or "*"
    keys = connect(with_token=False).text(address("ssh", project, "host-ca.pub")).splitlines()
    return "".join(f"@cert-authority {patterns} {key}\n" for key in keys)


def _refresh(file: Path, project: str, hosts: str) -> None:
    """Write the file anew, whole, unless it is fresh."""
    now = SystemClock().now()
    if file.is_file():
        written = datetime.fromtimestamp(file.stat().st_mtime, tz=now.tzinfo)
        if now - _FRESH_FOR < written <= now:
            return
    prepare_folder(file.parent)
    write_file(file, _known_hosts(project, hosts))


def _lifetime(valid_before: datetime) -> int:
    seconds = (valid_before - SystemClock().now()) // timedelta(seconds=1)
    if seconds < 1:
        fail("the certificate has ended already: do the clocks of this machine and of the server agree?")
    return int(seconds)


def _split(principals: str | None) -> list[str]:
    return [name.strip() for name in (principals or "").split(",") if name.strip()]
