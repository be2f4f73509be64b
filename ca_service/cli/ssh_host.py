"""`keywright ssh host …`: the inventory of hosts, and what runs on a host itself."""

import shutil
import sys
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer

from ca_service.agent.door import HostDoor
from ca_service.agent.enrolment import Enrolled, Enrolment, enrol
from ca_service.agent.refresh import Refresh, Refreshed
from ca_service.agent.sshd import Sshd
from ca_service.agent.state import HostState, read_state
from ca_service.agent.tree import HostTree
from ca_service.agent.units import TIMER, units
from ca_service.agent.whole_files import write_whole
from ca_service.cli.files import read_public
from ca_service.cli.output import AsJson, conclude, fail, note, print_fields, print_json, print_table
from ca_service.cli.session import Project, connect
from ca_service.client.api import ApiClient, address
from ca_service.client.errors import ClientError
from ca_service.client.settings import load_settings
from ca_service.config import environment
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.randomness import SystemRandomness

app = typer.Typer(no_args_is_help=True, help="Hosts: who they are, and enrolling and keeping this one.")

Root = Annotated[
    Path,
    typer.Option("--root", metavar="DIR", help="The tree to work on: / or a scratch tree with its sshd."),
]
SshdProgram = Annotated[str, typer.Option("--sshd", help="The sshd that checks the configuration.")]
Reload = Annotated[
    str | None, typer.Option("--reload", metavar="COMMAND", help="How to reload sshd, if not by itself.")
]
HostName = Annotated[str, typer.Argument(metavar="HOST", help="The host's name or id.")]

_COLUMNS = ("name", "id", "groups", "profile", "last_proof_at")
_UNITS = {"s": 1, "m": 60, "h": 3600}


@app.command("list")
def list_hosts(
    group: Annotated[str | None, typer.Option(help="Only the hosts of this group.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """List the hosts of the inventory."""
    found = list(connect().items(_ssh(project, "hosts"), {"group": group}, limit))
    if as_json:
        print_json(found)
        return
    rows = [[item[column] for column in _COLUMNS] for item in found]
    print_table([column.replace("_", " ") for column in _COLUMNS], rows, "no hosts yet")


@app.command()
def show(host: HostName, project: Project = "default", as_json: AsJson = False) -> None:
    """Show one host and who may log in to it."""
    client = connect()
    found = client.get(_ssh(project, "hosts", host))
    logins = client.get(_ssh(project, "hosts", found["id"], "logins"))
    if as_json:
        print_json({**found, "accounts": logins["accounts"]})
        return
    print_fields([(name.replace("_", " "), found[name]) for name in (*_COLUMNS, "names", "public_keys")])
    rows = [[account, principals] for account, principals in logins["accounts"].items()]
    print_table(["account", "principals"], rows, "nobody may log in: see keywright ssh mapping add")


@app.command()
def token(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Its name, or *.example.com for any below.")],
    name: Annotated[list[str] | None, typer.Option("--name", help="A further name it may have.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group it comes into.")] = None,
    profile: Annotated[str, typer.Option(help="The profile of its certificates.")] = "host",
    user_authority: Annotated[
        str | None, typer.Option(help="The one authority whose users it trusts; all by default.")
    ] = None,
    ttl: Annotated[str, typer.Option(help="How long the token lives, 24h at most.")] = "1h",
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Make a token that enrols one host, once."""
    body = {
        "host": host,
        "names": name or [],
        "groups": group or [],
        "profile": profile,
        "user_authority": user_authority,
        "ttl": ttl,
    }
    made = connect().post(_ssh(project, "host-tokens"), body)
    if as_json:
        print_json(made)
        return
    note(f"enrols {made['host']} once, until {made['expires_at']}; it is not shown again")
    print(made["token"])


@app.command()
def remove(host: HostName, project: Project = "default", as_json: AsJson = False) -> None:
    """Remove a host and revoke its certificates."""
    connect().delete(_ssh(project, "hosts", host))
    conclude(f"removed {host}: its certificates are revoked, and it renews none", {"removed": host}, as_json)


@app.command("enrol")
def enrol_host(
    name: Annotated[
        list[str],
        typer.Option("--name", help="A name or address people connect to; the first is the host's."),
    ],
    token_text: Annotated[
        str | None,
        typer.Option("--token", envvar="KEYWRIGHT_HOST_TOKEN", help="The token; better in the environment."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Instead of a token: an X.509 certificate of this host (PEM).")
    ] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="The file of its private key.")] = None,
    principals_command: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="AuthorizedPrincipalsCommand instead of the files."),
    ] = None,
    root: Root = Path("/"),
    sshd: SshdProgram = "/usr/sbin/sshd",
    reload: Reload = None,
    project: Project = "default",
    as_json: AsJson = False,
) -> None:
    """Enrol this host: certificates, trust, principals and revocation list, checked by sshd, or nothing."""
    if (token_text is None) == (certificate is None) or (certificate is None) != (certificate_key is None):
        raise typer.BadParameter("say --token, or --certificate with --certificate-key")
    settings = load_settings(environment())
    asked = Enrolment(
        names=tuple(name),
        url=settings.url,
        project=project,
        server_root=b"" if settings.ca_file is None else settings.ca_file.read_bytes(),
        token=None if token_text is None else token_text.strip(),
        certificate=None if certificate is None else read_public(certificate, "the certificate"),
        certificate_key=certificate_key,
        principals_command=principals_command,
    )
    door = HostDoor(connect(with_token=False), project)
    done = enrol(HostTree(root), Sshd(sshd, reload), door, asked, SystemClock().now())
    if as_json:
        print_json(_shown(done.state) | {"sshd_reloaded": done.was_reloaded})
    else:
        _tell_enrolled(done)


@app.command()
def agent(
    every: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stay, and run again every 60s, 5m, …; once by default."),
    ] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Renew the certificates now, due or not.")] = False,
    root: Root = Path("/"),
    sshd: SshdProgram = "/usr/sbin/sshd",
    reload: Reload = None,
    as_json: AsJson = False,
) -> None:
    """Keep this host: renew its certificates, fetch revocation list and logins; keep the last good."""
    tree, program = HostTree(root), Sshd(sshd, reload)
    if every is None:
        refreshed = _refresh(tree, program, renew_now=renew)
        if as_json:
            told = {"done": list(refreshed.done), "failures": list(refreshed.failures)}
            print_json(_shown(refreshed.state) | told)
        else:
            _tell_refreshed(refreshed)
        if refreshed.failures:
            raise typer.Exit(1)
        return
    seconds = _seconds(every)
    while True:
        try:
            _tell_refreshed(_refresh(tree, program, renew_now=renew))
        except ClientError as error:
            note(f"keywright: {error}")
        renew = False
        # Up to a tenth later each time, so that hosts started together drift apart.
        Event().wait(seconds * (1 + SystemRandomness().token_bytes(1)[0] / 2560))


@app.command("units")
def write_units(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where systemd reads units.")] = Path(
        "/etc/systemd/system"
    ),
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How often the agent runs.")] = 5,
    program: Annotated[
        str | None, typer.Option(metavar="FILE", help="The keywright that it runs, if not this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the systemd service and timer that run the agent of this host."""
    if not out.is_dir():
        fail(f"there is no folder {out}: name one with --out, or run keywright ssh host agent --every 5m")
    found = units(program or _this_program(), minutes)
    for name, content in found.items():
        write_whole(out / name, content)
    told = "written; now: systemctl daemon-reload && systemctl enable --now " + TIMER
    conclude(told, {"written": [str(out / name) for name in found]}, as_json)


@app.command()
def principals(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account somebody logs in to.")],
    root: Root = Path("/"),
) -> None:
    """Print who may log in to an account, asked of the server, or from the file; for sshd's command."""
    tree = HostTree(root)
    state = read_state(tree.state)
    try:
        logins = _door(tree, state, timeout=3.0).logins(state.host, Path(state.certificates[0].key))
        found = logins.accounts.get(account, ())
    except ClientError as error:
        note(f"keywright: {error}; the file of principals is taken")
        found = tuple(_kept_principals(tree, account))
    print("".join(f"{principal}\n" for principal in found), end="")


def _this_program() -> str:
    """Return the keywright of the environment that runs this, whatever PATH says."""
    beside = Path(sys.executable).with_name("keywright")
    return str(beside) if beside.is_file() else shutil.which("keywright") or ""


def _kept_principals(tree: HostTree, account: str) -> list[str]:
    if account not in tree.accounts():
        return []
    return (tree.principals / account).read_text(encoding="utf-8").splitlines()


def _refresh(tree: HostTree, sshd: Sshd, *, renew_now: bool) -> Refreshed:
    door = _door(tree, read_state(tree.state))
    return Refresh(tree, sshd, door, SystemClock().now()).run(renew_now=renew_now)


def _door(tree: HostTree, state: HostState, timeout: float = 30.0) -> HostDoor:
    ca_file = tree.server_root if tree.server_root.is_file() else None
    return HostDoor(ApiClient(state.url, token=None, ca_file=ca_file, timeout=timeout), state.project)


def _tell_enrolled(done: Enrolled) -> None:
    note(f"enrolled as {done.state.name} ({done.state.host})")
    if not done.was_reloaded:
        note("no running sshd was found: start it, or reload it")


def _tell_refreshed(refreshed: Refreshed) -> None:
    for line in refreshed.done or ("nothing changed",):
        note(line)
    for line in refreshed.failures:
        note(f"keywright: {line}")


def _shown(state: HostState) -> dict[str, Any]:
    kept = state.revocation_list
    return {
        "host": state.host,
        "name": state.name,
        "certificates": [
            {
                "serial_number": each.serial_number,
                "key": each.key,
                "valid_before": each.valid_before.isoformat(),
            }
            for each in state.certificates
        ],
        "revocation_list": None
        if kept is None
        else {"version": kept.version, "fetched_at": kept.fetched_at.isoformat()},
        "logins_at": None if state.logins_at is None else state.logins_at.isoformat(),
    }


def _seconds(text: str) -> int:
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdecimal() and 0 < int(number) <= 86400):
        fail("write the time between two runs as 60s, 5m or 1h")
    return int(number) * _UNITS[unit]


def _ssh(project: str, *parts: str) -> str:
    return address("v1", "projects", project, "ssh", *parts)
