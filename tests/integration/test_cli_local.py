"""The commands beside the database: init, migrate, config check, audit, recovery, admin, doctor."""

import json
import re
import shutil
import socket
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, environment_for, keywright
from tests.support.person import Person
from tests.support.server import Server, running_server
from tests.support.terminal import Terminal

WORD = re.compile(r"(\d+) ([a-z]{4})\b")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was made and never served."""
    place = tmp_path_factory.mktemp("local") / "data"
    done = keywright("init", "--data", str(place))
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def told(*arguments: str, status: int = 1, env: dict[str, str] | None = None, stdin: str = "") -> str:
    """Run a command that must end with this status in one sentence, and return the sentence."""
    done = keywright(*arguments, env=env, stdin=stdin)
    assert (done.returncode, done.stdout) == (status, ""), done
    [sentence] = done.stderr.splitlines()
    return sentence


def read(*arguments: str) -> object:
    done = keywright(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_given_a_trail_then_verification_counts_its_entries(
    either_server: Server, either_database: str, tmp_path: Path
) -> None:
    before = len(Person(either_server, tmp_path).reads("audit", "list", "--limit", "1000"))
    file = tmp_path / "checkpoint.json"
    place = ("--data", str(either_server.data), "--database", either_database)
    assert read("audit", "checkpoint", str(file), *place) == {"file": str(file)}

    report = read("audit", "verify", "--checkpoint", str(file), *place)

    assert isinstance(report, dict)
    assert (report["intact"], report["fault"]) == (True, None)
    assert report["entries"] + report["pending"] >= before > 0


def test_given_a_checkpoint_of_another_trail_then_it_is_refused(
    either_server: Server, either_database: str, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "other.json"
    read("audit", "checkpoint", str(file), "--data", str(either_server.data), "--database", either_database)

    sentence = told("audit", "verify", "--checkpoint", str(file), "--data", str(data))

    assert "checkpoint" in sentence or "exported" in sentence


def test_given_a_changed_entry_then_verification_names_it_with_status_1(data: Path) -> None:
    with sqlite3.connect(data / "keywright.db") as database:
        [(entry,)] = database.execute("SELECT id FROM audit_entries LIMIT 1").fetchall()
        database.execute("UPDATE audit_entries SET outcome = 'denied' WHERE id = ?", (entry,))

    verification = keywright("audit", "verify", "--data", str(data), "--json")

    assert verification.returncode == 1
    assert json.loads(verification.stdout)["intact"] is False
    assert entry in told("audit", "verify", "--data", str(data))


def test_given_no_checkpoint_file_then_the_sentence_names_it(data: Path) -> None:
    assert "gone.json" in told("audit", "verify", "--checkpoint", "gone.json", "--data", str(data))


def show_code(data: Path) -> Terminal:
    """Ask for a recovery code on a terminal."""
    command = [sys.executable, "-m", "ca_service.cli.main", "recovery", "create", "--data", str(data)]
    return Terminal(command, environment_for({"TERM": "dumb"}), ROOT)


def answer_questions(terminal: Terminal, *, wrong: bool = False) -> list[str]:
    """Read the code and give the words that are asked back; return the code."""
    shown = terminal.read_until(": ")
    words = [word for _, word in sorted((int(number), word) for number, word in WORD.findall(shown))]
    for question in range(3):
        position = int(terminal.shown.rpartition("word ")[2].partition(":")[0])
        terminal.type("nono" if wrong else words[position - 1])
        if wrong:
            break
        if question < 2:
            terminal.read_until(": ")
    return words


@pytest.fixture(scope="module")
def recoverable(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A data directory whose root key a code opens, and the code."""
    data = Path(shutil.copytree(made, tmp_path_factory.mktemp("recovery") / "data"))
    with show_code(data) as terminal:
        words = answer_questions(terminal)
        status = terminal.end()
    assert status == 0, terminal.shown
    return data, words


def test_given_a_terminal_then_a_code_of_24_words_is_shown_and_none_is_echoed(
    recoverable: tuple[Path, list[str]],
) -> None:
    data, words = recoverable

    assert len(words) == 24
    assert not [file for file in data.iterdir() if " ".join(words[:3]).encode() in file.read_bytes()]


def test_given_the_code_then_it_brings_the_lost_root_key_back(
    recoverable: tuple[Path, list[str]], tmp_path: Path
) -> None:
    data, words = recoverable
    found = tmp_path / "keys" / "root-key"

    done = keywright("recovery", "restore", str(found), "--data", str(data), stdin=" ".join(words) + "\n")

    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(found.stat().st_mode) == 0o600
    assert found.read_text() == (data / "root-key").read_text()
    assert found.read_text().strip() not in done.stdout + done.stderr


def test_given_a_wrong_code_then_no_key_is_written(
    recoverable: tuple[Path, list[str]], tmp_path: Path
) -> None:
    data, words = recoverable
    swapped = [words[1], words[0], *words[2:]]

    sentence = told(
        "recovery", "restore", str(tmp_path / "key"), "--data", str(data), stdin=" ".join(swapped) + "\n"
    )

    assert "recovery code" in sentence
    assert not (tmp_path / "key").exists()


def test_given_a_key_in_its_place_then_restoring_does_not_overwrite_it(
    recoverable: tuple[Path, list[str]],
) -> None:
    data, _ = recoverable

    assert "move it away" in told("recovery", "restore", str(data / "root-key"), "--data", str(data))


def test_given_a_wrong_word_then_no_code_is_kept(data: Path) -> None:
    with show_code(data) as terminal:
        words = answer_questions(terminal, wrong=True)
        status = terminal.end()

    assert status == 1
    assert "no recovery code was kept" in terminal.shown
    restored = told(
        "recovery", "restore", str(data / "again"), "--data", str(data), stdin=" ".join(words) + "\n"
    )
    assert "has no recovery code" in restored


def test_given_no_terminal_then_no_code_is_shown(data: Path) -> None:
    assert "terminal" in told("recovery", "create", "--data", str(data))


def test_given_a_lost_root_key_then_no_code_is_shown_for_it(data: Path) -> None:
    (data / "root-key").unlink()
    with show_code(data) as terminal:
        status = terminal.end()

    assert status == 1
    assert WORD.findall(terminal.shown) == []


def test_given_init_twice_then_everything_stays(data: Path) -> None:
    before = {name: (data / name).read_bytes() for name in ("root-key", "admin-token", "root-ca.pem")}

    assert read("init", "--data", str(data)) == {"data": str(data)}

    assert {name: (data / name).read_bytes() for name in before} == before


def test_given_a_new_database_then_migrate_makes_its_tables_once(tmp_path: Path) -> None:
    place = ("--data", str(tmp_path / "data"))

    assert read("migrate", *place) == {"migrated": True}
    assert read("migrate", *place) == {"migrated": False}


def test_given_a_configuration_file_then_it_is_checked(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[server]\nlisten = "127.0.0.1:9443"\n')
    bad.write_text("[server]\nlisten = 7\n")

    assert read("config", "check", "--config", str(good)) == {"good": True}
    assert "server.listen" in told("config", "check", "--config", str(bad))


def test_given_a_rotated_token_then_only_the_new_one_opens(data: Path) -> None:
    first = (data / "admin-token").read_text().strip()

    assert read("admin", "rotate-token", "--data", str(data)) == {"file": str(data / "admin-token")}

    with running_server(data.parent) as server:
        assert server.get("/v1/auth/self").status == 200
        assert server.get("/v1/auth/self", token=first).status == 401


def findings(*arguments: str, env: dict[str, str]) -> dict[str, tuple[bool | None, str]]:
    """Return what doctor finds, by what it looked at."""
    done = keywright("doctor", *arguments, "--json", env=env)
    found = json.loads(done.stdout)
    assert done.returncode == (1 if any(one["is_fine"] is False for one in found) else 0)
    return {one["what"]: (one["is_fine"], one["text"]) for one in found}


@pytest.fixture(scope="module")
def name_server() -> Iterator[str]:
    """A name server that answers every question with no records."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def answer() -> None:
            while (asked := listening.recvfrom(512))[0]:
                question, asker = asked
                # The bit QR makes the question its own answer (RFC 1035 section 4.1.1).
                listening.sendto(question[:2] + bytes([question[2] | 0x80]) + question[3:], asker)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.sendto(b"", listening.getsockname())
        thread.join()


@pytest.fixture
def clinic(tmp_path: Path, name_server: str) -> dict[str, str]:
    """An environment in which doctor looks at this machine alone."""
    return {
        "HOME": str(tmp_path),
        "KEYWRIGHT__ACME__VALIDATION__RESOLVERS": json.dumps([name_server]),
        "KEYWRIGHT__SERVER__LISTEN": "127.0.0.1:0",
        "KEYWRIGHT__SERVER__PLAIN_LISTEN": "127.0.0.1:0",
        "KEYWRIGHT_URL": "https://127.0.0.1:1",
    }


def test_given_a_sound_data_directory_then_doctor_finds_it_fine(data: Path, clinic: dict[str, str]) -> None:
    found = findings("--data", str(data), env=clinic)

    fine = ("configuration", "data directory", "root-key", "admin-token", "database", "TLS listener", "DNS")
    assert {what: found[what][0] for what in fine} == dict.fromkeys(fine, True)


def test_given_a_name_server_that_is_not_there_then_doctor_says_so(
    data: Path, clinic: dict[str, str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        clinic["KEYWRIGHT__ACME__VALIDATION__RESOLVERS"] = json.dumps([address])

        is_fine, text = findings("--data", str(data), env=clinic)["DNS"]

    assert is_fine is False
    assert address in text


def test_given_a_running_server_then_doctor_sees_its_ports_its_clock_and_its_database(
    either_server: Server, either_database: str, clinic: dict[str, str]
) -> None:
    clinic |= {
        "KEYWRIGHT_URL": either_server.url,
        "KEYWRIGHT_CA": str(either_server.ca_file),
        "KEYWRIGHT__SERVER__LISTEN": either_server.url.removeprefix("https://"),
    }

    found = findings("--data", str(either_server.data), "--database", either_database, env=clinic)

    assert (found["server"][0], found["database"][0]) == (True, True)
    assert (found["TLS listener"][0], "is taken" in found["TLS listener"][1]) == (None, True)


@pytest.mark.parametrize(
    ("name", "mode", "mend"), [("root-key", 0o644, "chmod 600"), ("", 0o755, "chmod 700")]
)
def test_given_files_that_others_may_read_then_doctor_says_how_to_mend_it(
    data: Path, clinic: dict[str, str], name: str, mode: int, mend: str
) -> None:
    (data / name).chmod(mode)

    is_fine, text = findings("--data", str(data), env=clinic)[name or "data directory"]

    assert is_fine is False
    assert mend in text


def test_given_a_setting_that_does_not_exist_then_doctor_names_it(clinic: dict[str, str]) -> None:
    clinic["KEYWRIGHT__SERVER__NOPE"] = "1"

    done = keywright("doctor", env=clinic)

    assert done.returncode == 1
    assert "MEND  configuration:" in done.stdout
    assert "nope" in done.stdout
