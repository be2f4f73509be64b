"""`keywright secrets|run|kms|dynamic|lease` against a running server, and a PostgreSQL for accounts."""

import json
import os
import re
import shlex
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import command, environment_for
from tests.support.person import Person
from tests.support.server import Server, running_server
from tests.support.target_postgresql import TargetServer
from tests.support.terminal import Terminal

PAGES = Path(__file__).resolve().parents[2] / "docs" / "howto"
_SECONDS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may make accounts on this machine."""
    networks = {"KEYWRIGHT__TARGET__ALLOWED_NETWORKS": '["127.0.0.0/8"]'}
    with running_server(tmp_path_factory.mktemp("cli-secrets"), env=networks) as made:
        yield made


@pytest.fixture
def person(server: Server, tmp_path: Path) -> Person:
    """The administrator, who finds programs where we do."""
    made = Person(server, tmp_path)
    made.environment["PATH"] = os.environ["PATH"]
    return made


@pytest.fixture
def at(request: pytest.FixtureRequest) -> str:
    """The option that names this test's own folder of secrets."""
    words = request.node.originalname.removeprefix("test_")[:60]
    return f"--path=/{words}"


@pytest.fixture(scope="module")
def app_db(server: Server, target_server: TargetServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a dynamic secret whose accounts live in the target."""
    owner = Person(server, tmp_path_factory.mktemp("owner"))
    made = owner.does(
        *(
            "dynamic",
            "create",
            "app-db",
            "--config",
            "-",
            "--default-ttl",
            "10m",
            "--max-ttl",
            "1h",
            "--json",
        ),
        stdin=json.dumps(target_server.config()),
    )
    assert "Pass'word" not in made.stdout + made.stderr
    return "app-db"


def running(person: Person, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command in a process of its own."""
    return subprocess.Popen(
        command(*arguments),
        env=environment_for(person.environment),
        cwd=person.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_secrets_are_set_in_one_commit_read_exactly_deleted_and_brought_back(person: Person, at: str) -> None:
    (person.folder / "key.pem").write_text("line 1\nline 2\n")
    set_ = person.reads("secrets", "set", "A=x=y", "B=@key.pem", at, "--comment", "why", "--tag", "db")
    assert [(change["name"], change["version"]) for change in set_["changes"]] == [("A", 1), ("B", 1)]

    assert person.does("secrets", "get", "B", "--no-newline", at).stdout == "line 1\nline 2\n"
    person.does("secrets", "set", "A=-", at, "--if-version", "1", stdin="two\n")
    found = person.reads("secrets", "get", "A", at)
    assert (found["value"], found["version"], found["comment"], found["tags"]) == ("two\n", 2, "why", ["db"])
    assert person.does("secrets", "get", "A", "--version", "1", at).stdout == "x=y\n"
    person.is_refused("secrets", "set", "A=3", at, "--if-version", "1")

    person.does("secrets", "delete", "A", "B", at)
    assert person.does("secrets", "list", at).stdout == "no secrets here\n"
    states = [(each["version"], each["state"]) for each in person.reads("secrets", "history", "A", at)]
    assert states == [(2, "superseded"), (1, "superseded")]
    person.does("secrets", "undelete", "A", at)
    person.does("secrets", "destroy", "A", "--version", "1", at)
    person.is_refused("secrets", "get", "A", "--version", "1", at)

    log = person.reads("secrets", "log", "A", "--env", "dev", at)
    assert [commit["message"] for commit in log][-2:] == ["Set A", "Set A, B"]


def test_values_are_shown_only_where_they_are_asked_for(person: Person, at: str) -> None:
    done = [
        person.does("secrets", "set", "HIDDEN", at, stdin="canary-1\n"),
        person.does("secrets", "list", at),
        person.does("secrets", "list", at, "--json"),
        person.does("secrets", "history", "HIDDEN", at),
        person.does("secrets", "log"),
    ]
    assert not [each for each in done if "canary-1" in each.stdout + each.stderr]
    assert "canary-1" in person.does("secrets", "list", at, "--values").stdout
    assert person.reads("secrets", "list", at, "--values")[0]["value"] == "canary-1"


def test_a_value_that_is_typed_is_not_shown(person: Person, at: str) -> None:
    line = command("secrets", "set", "TYPED", at)
    with Terminal(line, environment_for(person.environment), person.folder) as terminal:
        terminal.read_until("TYPED: ")
        terminal.type("canary-2")
        assert terminal.end() == 0
        assert "canary-2" not in terminal.shown
    assert person.does("secrets", "get", "TYPED", at).stdout == "canary-2\n"


def test_secrets_move_between_folders_and_folders_are_made_imported_and_deleted(
    person: Person, at: str
) -> None:
    path = at.removeprefix("--path=")
    person.does("secrets", "folders", "create", f"{path}/sub", "--description", "below")
    person.does("secrets", "set", "A=1", at)
    person.does("secrets", "edit", "A", "--new-name", "B", "--new-path", f"{path}/sub", at)
    assert person.does("secrets", "get", "B", "--path", f"{path}/sub").stdout == "1\n"
    listed = person.reads("secrets", "folders", "list", at)
    assert [(each["path"], each["description"]) for each in listed] == [(f"{path}/sub", "below")]

    added = person.reads("secrets", "imports", "add", f"dev:{path}/sub", at)
    assert [each["name"] for each in person.reads("secrets", "list", at)] == ["B"]
    person.does("secrets", "imports", "remove", added["id"])
    assert person.reads("secrets", "list", at, "--no-imports") == []

    person.is_refused("secrets", "folders", "delete", f"{path}/sub")
    person.does("secrets", "folders", "edit", f"{path}/sub", "--new-name", "other")
    person.does("secrets", "folders", "delete", f"{path}/other", "--recursive")


def test_what_is_exported_is_imported_as_it_was_and_a_shell_reads_it(person: Person, at: str) -> None:
    values = {"A": "it's $HOME", "B": "two\nlines\n", "C": 'say "hi"\\', "D": "", "E": "${NOT_A_REFERENCE} #"}
    (person.folder / "in.json").write_text(json.dumps(values | {"E": "$${NOT_A_REFERENCE} #"}))
    person.does("secrets", "import", "in.json", at)

    person.does("secrets", "export", "--format", "yaml", "--no-expand", "--out", "out.yaml", at)
    assert stat.S_IMODE((person.folder / "out.yaml").stat().st_mode) == 0o600
    person.does("secrets", "import", "out.yaml", f"{at}/copy", "--mode", "create")
    assert json.loads(person.does("secrets", "export", "--json", f"{at}/copy").stdout) == values
    lines = person.does("secrets", "export", "--format", "shell", at).stdout
    shown = subprocess.run(
        ["/bin/sh", "-c", lines + 'printf %s "$A|$B|$C|$D|$E"'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "|".join(values.values())

    (person.folder / ".env").write_text("A=1\n# B is gone\n")
    person.does("secrets", "import", ".env", at, "--mode", "replace", "-m", "less")
    assert json.loads(person.does("secrets", "export", "--json", at).stdout) == {"A": "1"}


def test_a_command_is_run_with_the_secrets_and_without_our_token(person: Person, at: str) -> None:
    person.does("secrets", "set", "RUN_A=ключ\nx", "not-a-name=1", "PATH=/nowhere", at)

    ran = person.does("run", at, "sh", "-c", 'printf "%s|%s" "$RUN_A" "${KEYWRIGHT_TOKEN-gone}"')
    assert ran.stdout == "ключ\nx|gone"
    left_out = ran.stderr.splitlines()
    assert len(left_out) == 2
    assert all(line.startswith("keywright: ") for line in left_out)
    assert {"not-a-name", "PATH"} == {line.split()[1] for line in left_out}

    kept = person.does("run", at, "--only", "RUN_A", "--prefix", "X_", "--keep-token", "--", "env").stdout
    assert "X_RUN_A=ключ\n" in kept
    assert f"KEYWRIGHT_TOKEN={person.server.admin_token}\n" in kept
    assert "NOTHING" in person.is_refused("run", at, "--only", "NOTHING", "--", "true")


@pytest.mark.parametrize(("line", "status"), [("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM)])
def test_the_command_takes_our_place(person: Person, line: str, status: int) -> None:
    process = running(person, "run", "--", "sh", "-c", f"echo $$; {line}")
    out, _ = process.communicate(timeout=_SECONDS)

    assert (int(out), process.returncode) == (process.pid, status)


def test_what_cannot_be_run_is_told_as_env_tells_it(person: Person, at: str) -> None:
    (person.folder / "file").write_text("no program")

    assert "nowhere" in person.is_refused("run", at, "--", "./nowhere", status=127)
    assert "Permission" in person.is_refused("run", at, "--", "./file", status=126)
    # One variable can have 128 KiB (execve(2)).
    (person.folder / "large").write_text("x" * (128 * 1024))
    person.does("secrets", "set", "LARGE=@large", at)
    assert "--only" in person.is_refused("run", at, "--", "true", status=126)


def test_a_lease_is_made_listed_renewed_and_revoked(
    person: Person, app_db: str, target_server: TargetServer
) -> None:
    made = person.reads("lease", "create", app_db, "--ttl", "5m")
    account = made["data"]["username"]
    assert account in target_server.accounts()

    assert made["data"]["password"] not in person.does("lease", "show", made["lease_id"], "--json").stdout
    assert account in person.does("lease", "list", "--status", "active").stdout
    renewed = person.reads("lease", "renew", made["lease_id"], "--ttl", "30m")
    assert renewed["expires_at"] > made["expires_at"]
    assert person.reads("dynamic", "reconcile", app_db)["orphans"] == []
    person.is_refused("dynamic", "delete", app_db)

    person.does("lease", "revoke", made["lease_id"])
    assert account not in target_server.accounts()
    assert person.reads("lease", "show", made["lease_id"])["status"] == "revoked"


def test_a_command_has_an_account_for_as_long_as_it_runs(
    person: Person, app_db: str, target_server: TargetServer
) -> None:
    line = 'psql -X -A -t -c "select current_user, count(*) from stock.items"; echo $APP_DB_USERNAME; exit 3'
    ran = person.run("run", "--lease", app_db, "--", "sh", "-c", line)

    assert (ran.returncode, ran.stderr) == (3, "")
    answered, account = ran.stdout.split()
    assert answered == f"{account}|0"
    assert account not in target_server.accounts()
    assert person.run("run", "--lease", app_db, "--no-secrets", "--", "./nowhere").returncode == 127
    assert target_server.accounts() == set()


def test_given_a_signal_then_the_command_has_it_and_the_account_is_gone(
    person: Person, app_db: str, target_server: TargetServer
) -> None:
    process = running(
        person,
        "run",
        "--no-secrets",
        "--lease",
        f"{app_db}:DB",
        "--",
        "sh",
        "-c",
        'echo "$DB_USERNAME"; exec sleep 60',
    )
    assert process.stdout is not None
    account = process.stdout.readline().strip()
    assert account in target_server.accounts()

    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=_SECONDS)
    assert (process.returncode, told) == (128 + signal.SIGTERM, "")
    assert account not in target_server.accounts()


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("secrets", "hunter2\n"),
        ("kms", "Verified OK"),
        ("run", "postgresql://localhost/app\n"),
    ],
)
def test_what_a_page_says_about_the_command_line_works(
    person: Person, app_db: str, target_server: TargetServer, page: str, printed: str
) -> None:
    told = types(person, (PAGES / f"{page}.md").read_text(encoding="utf-8"))

    assert printed in told
    target_server.drop_accounts()


def types(person: Person, page: str) -> str:
    """Type the commands of a page, or of its section on the command line, and return what was printed."""
    section = page.partition("\n## On the command line\n")[2].partition("\n## ")[0] or page
    blocks = re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    told = ""
    for line in "".join(blocks).replace("\\\n", "").splitlines():
        words = shlex.split(line)
        if words[:1] == ["keywright"]:
            # Not by a shell, which would load all of Python for each.
            end = words.index(">") if ">" in words else len(words)
            done = person.does(*words[1:end])
            for file in words[end + 1 :]:
                (person.folder / file).write_text(done.stdout)
        else:
            done = subprocess.run(
                ["/bin/sh", "-ec", line],
                cwd=person.folder,
                env=person.environment,
                capture_output=True,
                text=True,
                check=True,
            )
        told += done.stdout + done.stderr
    return told
