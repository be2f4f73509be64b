"""A host that keeps itself: enrolled and refreshed by `keywright ssh host`, with a real sshd and ssh."""

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, command, environment_for
from tests.support.person import Person
from tests.support.scratch_host import ScratchHost, serial_of, serial_shown
from tests.support.server import Server, running_server
from tests.support.sshd import HOST, SSHD, make_key

#: An sshd that takes the configuration it finds, and does something else at its second check.
_SECOND_CHECK = """\
#!/bin/sh
case "$1" in -t) ;; *) exec {sshd} "$@" ;; esac
echo x >> {folder}/checks
[ "$(wc -l < {folder}/checks)" -eq {number} ] || exec {sshd} "$@"
{then}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server on the embedded database: what it keeps is tested on both elsewhere."""
    with running_server(tmp_path_factory.mktemp("ssh-hosts")) as running:
        yield running


@pytest.fixture
def person(server: Server, tmp_path: Path) -> Person:
    return Person(server, tmp_path)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ScratchHost]:
    made = ScratchHost(tmp_path / "tree")
    yield made
    made.stop()


class Guest:
    """Somebody with a key and a certificate, who trusts what the host authority signed."""

    def __init__(self, person: Person, host: ScratchHost, principal: str) -> None:
        self._host = host
        make_key(person.folder, "id")
        self.serial_number = person.reads("ssh", "sign", "id.pub", "--principals", principal)["serial_number"]
        self.known_hosts = person.folder / "known_hosts"
        self.known_hosts.write_text(person.does("ssh", "ca", "host", "--known-hosts", HOST).stdout)
        self.key = person.folder / "id"

    def is_let_in(self) -> bool:
        login = self._host.login(self.key, self.known_hosts)
        assert login.returncode in {0, 255}, login.stderr
        assert login.returncode == 255 or login.stdout.strip() == self._host.user
        assert "Host key verification failed" not in login.stderr
        return login.returncode == 0


def enrol(person: Person, host: ScratchHost, *further: str) -> "subprocess.CompletedProcess[str]":
    """Enrol the host with a fresh token for its name."""
    token = person.does("ssh", "host", "token", host.name).stdout.strip()
    return person.run(*enrolment(host, token), *further)


def enrolment(host: ScratchHost, token: str) -> tuple[str, ...]:
    return ("ssh", "host", "enrol", "--root", str(host.tree), "--name", host.name, "--token", token)


def agent(person: Person, host: ScratchHost, *further: str) -> "subprocess.CompletedProcess[str]":
    return person.run("ssh", "host", "agent", "--root", str(host.tree), *further)


def allow(person: Person, account: str, principal: str) -> str:
    """Let a principal in, and return the id of the mapping."""
    mapping: str = person.reads("ssh", "mapping", "add", account, "--principal", principal, "--host", HOST)[
        "id"
    ]
    return mapping


def sshd_that(folder: Path, then: str, number: int = 2) -> str:
    """Return an sshd that does something else at its check of this number."""
    file = folder / "sshd"
    file.write_text(_SECOND_CHECK.format(sshd=SSHD, folder=folder, then=then, number=number))
    file.chmod(0o755)
    return str(file)


def test_given_a_token_then_a_running_sshd_trusts_users_and_is_trusted(
    person: Person, host: ScratchHost
) -> None:
    allow(person, host.user, "ops-a")
    host.start()

    done = enrol(person, host)
    host.await_listening()

    assert done.returncode == 0, done.stderr
    assert Guest(person, host, "ops-a").is_let_in()
    host.stop()
    assert host.logged("Accepted certificate ID")


def test_given_a_used_token_then_it_enrols_no_other(person: Person, host: ScratchHost) -> None:
    token = person.does("ssh", "host", "token", host.name).stdout.strip()
    person.does(*enrolment(host, token))
    other = ScratchHost(person.folder / "other")

    sentence = person.is_refused(*enrolment(other, token))

    assert "token is used or expired" in sentence
    assert set(other.files()) == {"sshd_config"}


def test_given_a_broken_configuration_then_nothing_changes_and_no_token_is_spent(
    person: Person, host: ScratchHost
) -> None:
    host.configuration.write_text(host.configuration.read_text() + "NoSuchWord yes\n")
    before = host.files()

    refused = enrol(person, host)

    assert refused.returncode == 1
    assert "NoSuchWord" in refused.stderr
    assert host.files() == before
    assert person.server.get("/v1/projects/default/ssh/host-tokens").json()["items"][0]["used_at"] is None


def test_given_an_sshd_that_refuses_what_was_written_then_all_is_as_before(
    person: Person, host: ScratchHost
) -> None:
    make_key(host.ssh, "ssh_host_ed25519_key")
    (host.own / "principals").mkdir(parents=True)
    (host.own / "principals" / "somebody").write_text("former\n")
    host.configuration.chmod(0o600)
    before = host.files()

    refused = enrol(person, host, "--sshd", sshd_that(person.folder, "echo no good >&2; exit 255"))

    assert (refused.returncode, "no good" in refused.stderr) == (1, True)
    assert host.files() == before
    assert host.configuration.stat().st_mode & 0o777 == 0o600


def printed(kind: str) -> list[str]:
    """Return the lines of the blocks of a kind on the page about hosts."""
    page = (ROOT / "docs/howto/ssh-hosts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [line for named, block in blocks if named == kind for line in block.splitlines()]


def run_and_be_killed(person: Person, *arguments: str) -> None:
    """Run a command in a process of its own, which is killed from the inside."""
    done = subprocess.run(
        command(*arguments),
        env=environment_for(person.environment),
        cwd=person.folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_given_a_kill_in_the_middle_of_an_enrolment_then_the_next_run_undoes_it(
    person: Person, host: ScratchHost
) -> None:
    before = host.files()
    token = person.does("ssh", "host", "token", host.name).stdout.strip()
    killer = sshd_that(person.folder, "kill -9 $PPID; sleep 1")
    run_and_be_killed(person, *enrolment(host, token), "--sshd", killer)
    assert host.files() != before

    refused = agent(person, host)

    assert "not enrolled" in refused.stderr
    assert host.files() == before


def test_given_a_kill_in_the_middle_of_a_renewal_then_the_next_run_begins_from_the_former(
    person: Person, host: ScratchHost
) -> None:
    assert enrol(person, host).returncode == 0
    former = serial_of(host)
    killer = sshd_that(person.folder, "kill -9 $PPID; sleep 1", number=1)
    run_and_be_killed(person, "ssh", "host", "agent", "--renew", "--root", str(host.tree), "--sshd", killer)
    half = host.ssh / ".ssh_host_ed25519_key-cert.pub.keywright-new"
    half.write_bytes(b"what another process was writing when it died")
    assert serial_of(host) != former

    done = agent(person, host)

    assert done.returncode == 0, done.stderr
    assert "put back what an earlier run left unfinished" in done.stderr
    assert serial_of(host) == former
    assert not half.exists()


def test_given_a_removed_mapping_then_the_login_is_refused_after_a_refresh(
    person: Person, host: ScratchHost
) -> None:
    mapping = allow(person, host.user, "ops-b")
    assert enrol(person, host).returncode == 0
    host.start()
    guest = Guest(person, host, "ops-b")
    assert guest.is_let_in()

    person.does("ssh", "mapping", "remove", mapping)
    assert agent(person, host).returncode == 0

    assert not guest.is_let_in()


def test_given_a_revoked_certificate_then_the_login_is_refused_after_a_refresh(
    person: Person, host: ScratchHost
) -> None:
    allow(person, host.user, "ops-c")
    assert enrol(person, host).returncode == 0
    host.start()
    guest = Guest(person, host, "ops-c")
    assert guest.is_let_in()

    person.does("ssh", "revoke", "--serial-number", guest.serial_number, "--authority", "ssh-user")
    assert agent(person, host).returncode == 0

    assert not guest.is_let_in()
    host.stop()
    assert host.logged("revoked by file")


def test_given_an_open_session_then_a_renewal_does_not_end_it(person: Person, host: ScratchHost) -> None:
    allow(person, host.user, "ops-d")
    assert enrol(person, host).returncode == 0
    host.start()
    guest = Guest(person, host, "ops-d")
    former = serial_shown(host)
    session = subprocess.Popen(
        [*host.ssh_command(guest.key, guest.known_hosts), "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdin is not None
    assert session.stdout is not None
    session.stdin.write("before\n")
    session.stdin.flush()
    assert session.stdout.readline() == "before\n"

    done = agent(person, host, "--renew")
    host.await_listening()

    assert done.returncode == 0, done.stderr
    session.stdin.write("after\n")
    session.stdin.flush()
    assert session.stdout.readline() == "after\n"
    session.stdin.close()
    assert session.wait(20) == 0
    session.stdout.close()
    assert serial_shown(host) == serial_of(host) != former
    assert guest.is_let_in()


@pytest.mark.parametrize("harm", ["missing", "cut short"])
def test_given_a_harmed_revocation_list_then_the_agent_mends_it(
    person: Person, host: ScratchHost, harm: str
) -> None:
    assert enrol(person, host).returncode == 0
    krl = host.own / "krl"
    good = krl.read_bytes()
    if harm == "missing":
        krl.unlink()
    else:
        krl.write_bytes(good[:30])

    assert agent(person, host).returncode == 0

    assert krl.read_bytes() == good


def test_given_a_server_that_goes_back_to_an_older_list_then_the_one_in_place_stays(
    person: Person, host: ScratchHost
) -> None:
    assert enrol(person, host).returncode == 0
    before = host.files()
    state = host.tree / "var/lib/keywright/ssh-host/state.json"
    version = json.loads(state.read_text())["revocation_list"]["version"]
    state.write_text(state.read_text().replace(str(version), str(version + 1000)))

    refused = agent(person, host)

    assert refused.returncode == 1
    assert f"is version {version}, older than {version + 1000}" in refused.stderr
    assert host.files() == before


def test_given_a_server_that_is_away_then_the_last_good_stays_and_its_age_is_told(
    person: Person, host: ScratchHost
) -> None:
    allow(person, host.user, "ops-e")
    assert enrol(person, host).returncode == 0
    before = host.files()
    state = host.tree / "var/lib/keywright/ssh-host/state.json"
    state.write_text(state.read_text().replace(person.server.url, "https://127.0.0.1:1"))

    away = agent(person, host)

    assert away.returncode == 1
    assert "the revocation list fetched 0 min ago (version " in away.stderr
    assert "the logins confirmed 0 min ago stay in force" in away.stderr
    assert host.files() == before


def test_given_a_removed_host_then_it_renews_nothing(person: Person, host: ScratchHost) -> None:
    assert enrol(person, host).returncode == 0
    former = serial_of(host)
    person.does("ssh", "host", "remove", host.name)

    refused = agent(person, host, "--renew")

    assert refused.returncode == 1
    assert "No host could be established" in refused.stderr
    assert serial_of(host) == former


def test_given_an_x509_certificate_of_ours_then_it_enrols_where_a_policy_says_so(
    person: Person, host: ScratchHost
) -> None:
    policy = "\n".join(printed("cedar"))
    token = person.does("ssh", "host", "token", HOST, "--group", "front").stdout.strip()
    person.does(*enrolment(host, token))
    issue = ("pki", "certificate", "issue", "--profile", "server", "--common-name", HOST, "--out", "x509")
    person.does(*issue)
    asked = (
        *("ssh", "host", "enrol", "--root", str(host.tree), "--name", HOST),
        *("--certificate", "x509/certificate.pem", "--certificate-key", "x509/key.pem"),
    )
    assert "There is no such host" in person.is_refused(*asked)

    made = person.server.post("/v1/projects/default/policies", {"name": "hosts-by-x509", "text": policy})
    assert made.status == 201, made.body

    person.does(*asked)
    shown = person.reads("ssh", "host", "show", HOST)
    assert shown["enrolled_by"].startswith("crt_")
    assert shown["groups"] == ["front"]

    person.does("ssh", "host", "remove", HOST)
    assert "comes back with a token" in person.is_refused(*asked)


def test_given_the_command_for_principals_then_it_answers_live_and_from_the_file_without_a_server(
    person: Person, host: ScratchHost
) -> None:
    allow(person, "deploy", "ops-f")
    assert enrol(person, host).returncode == 0
    mapping = allow(person, "deploy", "ops-g")
    ask = ("ssh", "host", "principals", "deploy", "--root", str(host.tree))

    live = person.does(*ask).stdout
    state = host.tree / "var/lib/keywright/ssh-host/state.json"
    state.write_text(state.read_text().replace(person.server.url, "https://127.0.0.1:1"))

    assert live == "ops-f\nops-g\n"
    assert person.does(*ask).stdout == "ops-f\n"
    person.does("ssh", "mapping", "remove", mapping)


def test_given_the_page_about_hosts_then_its_commands_work_as_printed(
    person: Person, host: ScratchHost
) -> None:
    told = {line: person.does(*shlex.split(line)[1:]).stdout for line in printed("")}
    [token] = [text.strip() for line, text in told.items() if " host token " in line]
    enrolling, keeping = printed("sh")[0], printed("sh")[2]

    person.does(*shlex.split(enrolling)[1:], "--token", token, "--root", str(host.tree))
    person.does(*shlex.split(keeping, comments=True)[1:], "--out", str(person.folder))

    assert (host.own / "principals" / "deploy").read_text() == "ci\n"
    assert person.reads("ssh", "host", "show", "web.example.com")["groups"] == ["front"]
    assert "ssh host agent" in (person.folder / "keywright-ssh-host.service").read_text()
