"""People and machines log in with ssh by `keywright ssh`; profiles and rotation as their pages print them."""

import getpass
import re
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client_world import ClientWorld
from tests.support.command_line import ROOT
from tests.support.curl import Curl
from tests.support.newcomer import Newcomer
from tests.support.person import Person
from tests.support.server import Server
from tests.support.ssh_served import ServedAuthority
from tests.support.sshd import HOST, Sshd

_SECONDS = 20


@pytest.fixture(scope="module")
def server(sqlite_client_world: ClientWorld) -> Server:
    return sqlite_client_world.server


@pytest.fixture(scope="module")
def sshd(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A host that trusts the server's authorities and shows a certificate of theirs."""
    folder = tmp_path_factory.mktemp("cli-sshd")
    running = Sshd(folder, ServedAuthority(Curl(server, folder)), [HOST])
    yield running
    running.stop()


@pytest.fixture
def person(server: Server, tmp_path: Path) -> Person:
    return Person(server, tmp_path)


class SshAgent:
    """An ssh-agent of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "agent"
        command = ["ssh-agent", "-D", "-a", str(self.socket)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        # It says where it listens once it does.
        assert self.process.stdout.readline().startswith("SSH_AUTH_SOCK=")

    def listing(self) -> str:
        """Return what the agent holds."""
        return subprocess.run(
            ["ssh-add", "-l"],
            env={"SSH_AUTH_SOCK": str(self.socket)},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        ).stdout

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def agent(person: Person) -> Iterator[SshAgent]:
    running = SshAgent(person.folder)
    person.environment["SSH_AUTH_SOCK"] = str(running.socket)
    yield running
    running.stop()


def test_login_loads_a_certificate_that_opens_the_account_and_ends(
    person: Person, agent: SshAgent, sshd: Sshd
) -> None:
    logged_in = person.reads("ssh", "login", "--principals", "ops", "--ttl", "10m")
    assert logged_in["is_new"]
    assert "(ED25519-CERT)" in agent.listing()

    known_hosts = sshd.folder / "known_hosts"
    ssh = subprocess.run(
        ["ssh", "-F", "none", "-p", str(sshd.port), "-o", f"UserKnownHostsFile={known_hosts}",
         "-o", f"IdentityAgent={agent.socket}", "-o", "BatchMode=yes", f"{sshd.user}@{HOST}", "id", "-un"],
        capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert (ssh.returncode, ssh.stdout.strip()) == (0, sshd.user), ssh.stderr
    assert sshd.says(f"(serial {logged_in['serial_number']}) CA ED25519")


def test_login_again_replaces_and_if_needed_does_nothing(person: Person, agent: SshAgent) -> None:
    first = person.reads("ssh", "login", "--principals", "ops")
    same = person.reads("ssh", "login", "--principals", "ops", "--if-needed")
    other = person.reads("ssh", "login", "--principals", "dba", "--if-needed")

    assert (same["is_new"], same["serial_number"]) == (False, first["serial_number"])
    assert (other["is_new"], other["principals"]) == (True, ["dba"])
    assert agent.listing().count("(ED25519-CERT)") == 1


class RecordingAgent:
    """Answers as an ssh-agent that is empty and takes everything, and keeps what it was sent."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "recorder"
        self.sent: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen()
        self._thread = threading.Thread(target=self._answer_one, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait for the end of the one conversation."""
        self._thread.join(_SECONDS)
        self._listener.close()

    def _answer_one(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rwb") as stream:
            while head := stream.read(4):
                self.sent.append(stream.read(int.from_bytes(head, "big")))
                asks_for_keys = self.sent[-1] == b"\x0b"
                answer = b"\x0c" + bytes(4) if asks_for_keys else b"\x06"
                stream.write(len(answer).to_bytes(4, "big") + answer)
                stream.flush()


def test_the_agent_is_told_to_drop_them_when_the_certificate_ends(person: Person) -> None:
    """Both are sent with a lifetime (draft-ietf-sshm-ssh-agent, SSH_AGENTC_ADD_ID_CONSTRAINED)."""
    agent = RecordingAgent(person.folder)
    person.environment["SSH_AUTH_SOCK"] = str(agent.socket)
    person.does("ssh", "login", "--principals", "ops", "--ttl", "10m")
    agent.stop()
    added = [message for message in agent.sent if message != b"\x0b"]
    assert added
    for message in added:
        assert (message[0], message[-5]) == (25, 1)
        assert 500 < int.from_bytes(message[-4:], "big") <= 600


def test_without_an_agent_login_says_what_to_do(person: Person) -> None:
    assert "keywright ssh connect" in person.is_refused("ssh", "login", "--principals", "ops")


def test_connect_logs_in_without_agent_terminal_or_known_hosts(person: Person, sshd: Sshd) -> None:
    port, host = str(sshd.port), f"{sshd.user}@{HOST}"
    settings = ("-p", port, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-F", "none")
    wanted = ("ssh", "connect", "--principals", "ops", "--ttl", "1m", host, "--", *settings)
    assert person.does(*wanted, "id", "-un").stdout.strip() == sshd.user
    assert person.run(*wanted, "exit 7").returncode == 7


def test_a_pair_made_by_the_server_opens_the_account(person: Person, sshd: Sshd) -> None:
    issued = person.reads("ssh", "issue", "keys/id", "--principals", "ops", "--key", "EC_P256")
    key = person.folder / "keys" / "id"
    assert key.stat().st_mode & 0o777 == 0o600
    assert "private_key" not in issued
    for name in ("id", "id.pub"):
        (sshd.folder / f"made-{name}").write_text((key.parent / name).read_text())
        (sshd.folder / f"made-{name}").chmod(0o600)
    assert sshd.login("made-id", issued["certificate"]).returncode == 0

    assert "is there already" in person.is_refused("ssh", "issue", "keys/id", "--principals", "ops")


def test_a_line_of_sshds_log_leads_to_the_certificate(person: Person, sshd: Sshd) -> None:
    issued = person.reads("ssh", "issue", "id", "--principals", "ops", "--key-id", "log-line")
    (sshd.folder / "logged").write_text((person.folder / "id").read_text())
    (sshd.folder / "logged").chmod(0o600)
    assert sshd.login("logged", issued["certificate"]).returncode == 0
    assert sshd.says("Accepted publickey")
    line = next(line for line in reversed(sshd.log) if "ID log-line (serial " in line)
    number, _, authority = line.strip().partition("(serial ")[2].partition(") CA ED25519 ")

    found = person.reads(*("ssh", "certificate", "list", "--serial-number", number, "--authority", authority))
    assert [item["key_id"] for item in found] == ["log-line"]


def test_bad_patterns_and_paths_are_refused_before_they_reach_a_configuration(person: Person) -> None:
    person.is_refused("ssh", "config", "--hosts", 'x" exec "id', status=2)
    person.is_refused("ssh", "config", "--keep-hosts-in", "x\nMatch all", status=2)
    person.is_refused("ssh", "config", "--principals", 'a" b', status=2)


def blocks_of(page: str) -> str:
    text = (ROOT / "docs" / "howto" / f"{page}.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def typed(person: Person, page: str) -> str:
    """Type a page that prints nothing but commands of ours, and return what they answered."""
    printed = []
    for command in filter(None, blocks_of(page).replace("\\\n", " ").splitlines()):
        program, *arguments = shlex.split(command)
        assert program == "keywright"
        printed.append(person.does(*arguments).stdout)
    return "".join(printed)


@pytest.fixture
def elsewhere(person: Person) -> Person:
    """Somebody whose project has an authority and a profile for users of its own."""
    slug = f"ssh-{person.folder.name.replace('_', '-')}"[:40].strip("-")
    person.does("project", "create", slug)
    person.environment["KEYWRIGHT_PROJECT"] = slug
    person.does("ssh", "authority", "create", "ssh-user", "--type", "user")
    person.does("ssh", "profile", "create", "user", "--authority", "ssh-user")
    return person


def test_the_page_about_rotation_works_as_printed(elsewhere: Person) -> None:
    printed = typed(elsewhere, "ssh-rotation")
    assert printed.count("ssh-ed25519 ") == 4
    listed: list[dict[str, Any]] = elsewhere.reads("ssh", "authority", "list")
    assert {item["name"]: item["status"] for item in listed} == {
        "ssh-user": "retired",
        "ssh-user-2": "active",
    }


def test_the_page_about_profiles_works_as_printed(elsewhere: Person) -> None:
    assert '"kind": "caller"' in typed(elsewhere, "ssh-profiles")
    backup = elsewhere.reads("ssh", "profile", "show", "backup")
    assert backup["value_rules"] == {"force-command": {"kind": "one-of", "values": ["/usr/local/bin/backup"]}}
    # The address that this person comes from stands in the certificate without being asked for.
    issued = elsewhere.reads("ssh", "issue", "id_backup", "--profile", "backup")
    (elsewhere.folder / "c.pub").write_text(issued["certificate"] + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", "c.pub"], cwd=elsewhere.folder, capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"force-command /usr/local/bin/backup\n\s+source-address 127.0.0.1/32\n", shown)


def test_the_page_about_logging_in_works_as_printed(server: Server, sshd: Sshd, tmp_path: Path) -> None:
    port, account = f"-p {sshd.port}", f"{getpass.getuser()}@{HOST}"
    printed = Newcomer(server, tmp_path).types(
        "trap 'ssh-agent -k > /dev/null' EXIT\n" + blocks_of("ssh-login"),
        {
            "ops@web.example.com -- ": f"{account} -- {port} -F none ",
            "ssh ops@web.example.com": f"ssh {port} -F ~/.ssh/config {account}",
            # ssh knows a home of its own, whatever the environment says.
            "--hosts '*.example.com' --pr": f"--hosts {HOST} --keep-hosts-in ~/.ssh/kept --pr",
        },
    )
    assert "(ED25519-CERT)" in printed
    assert printed.splitlines().count(getpass.getuser()) == 2
    assert (tmp_path / ".ssh" / "kept").read_text().startswith(f"@cert-authority {HOST} ssh-ed25519 ")
    assert "@cert-authority *.example.com ssh-ed25519 " in printed
