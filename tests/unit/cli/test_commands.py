"""How a command ends: its exit status, and one sentence on standard error."""

from pathlib import Path

import pytest

from ca_service.cli.commands import run

NOWHERE = "https://127.0.0.1:1"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person without settings, far from any server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "KEYWRIGHT_DATA", "KEYWRIGHT_TOKEN", "KEYWRIGHT_CA", "KEYWRIGHT_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KEYWRIGHT_URL", NOWHERE)


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error; nothing else was said."""
    told = capsys.readouterr()
    assert told.out == ""
    [line] = told.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("pki certificate show", "ID"),
        ("pki certifcate list", "certificate"),
        ("pki certificate list --limit 0", "--limit"),
        ("pki certificate list --nonsense", "--nonsense"),
        ("pki certificate issue --authority a --ca-id b --common-name c", "--ca-id"),
        ("pki certificate issue --csr x.csr --common-name a.example", "--csr"),
        ("pki certificate issue --csr x.csr --alt-names a.example", "--csr"),
        ("ssh sign --principals ops", "KEY.pub"),
        ("ssh certificate revoke", "--key-id"),
        ("ssh certificate revoke --serial-number 1", "--authority"),
        ("ssh certificate revoke --serial-number 1 --authority ssh-user --key-id alice", "--key-id"),
        ("trust bootstrap https://ca.example", "--fingerprint"),
        ("trust bootstrap https://ca.example --fingerprint 00", "64 hexadecimal digits"),
        (f"trust bootstrap http://ca.example --fingerprint {'00' * 32}", "https://"),
        ("serve --nonsense 1", "--nonsense"),
        ("member add idn_1", "role"),
    ],
)
def test_given_wrong_usage_then_status_2_and_where_to_look(
    command: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command.split()) == 2

    told = sentence(capsys)
    assert told.startswith("keywright: ")
    assert named in told
    assert told.endswith(" --help")


def test_given_a_server_that_does_not_answer_then_status_1_and_what_to_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["pki", "certificate", "list"]) == 1

    told = sentence(capsys)
    assert told.startswith(f"keywright: {NOWHERE} does not answer")
    assert "keywright serve" in told


@pytest.mark.parametrize(
    "command", ["ssh sign id_demo --principals ops", "pki certificate issue --csr id_demo"]
)
def test_given_a_private_key_then_the_command_ends_before_anything_is_sent(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "id_demo").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")

    assert run(command.split()) == 1
    assert "private key" in sentence(capsys)


@pytest.mark.parametrize("command", ["audit verify", "audit checkpoint out.json", "recovery restore key"])
def test_given_no_database_then_local_commands_make_none(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), "--data", "nothing"]) == 1

    assert "keywright init" in sentence(capsys)
    assert list(tmp_path.iterdir()) == []


def test_given_settings_that_cannot_be_read_then_the_sentence_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".config" / "keywright").mkdir(parents=True)
    (tmp_path / ".config" / "keywright" / "settings.json").write_text("{")

    assert run(["status"]) == 1
    assert "settings.json" in sentence(capsys)


def test_given_an_unknown_setting_then_config_check_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEYWRIGHT__SERVER__NOPE", "1")

    assert run(["config", "check"]) == 1
    assert "nope" in sentence(capsys)


@pytest.mark.parametrize("command", ["", "pki", "pki certificate", "ssh", "identity"])
def test_given_a_group_alone_then_its_commands_are_listed(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command.split()) == 2

    told = capsys.readouterr()
    assert "Commands" in told.out
    assert told.err == ""
