"""What the options of the commands about secrets, keys and leases become, and what is wrong usage."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from ca_service.cli.commands import run
from ca_service.cli.dynamic import read_config
from ca_service.cli.kms_use import _message, _tell_validity
from ca_service.cli.secret_files import format_of
from ca_service.cli.secret_text import as_env, as_shell, as_yaml
from ca_service.cli.secret_values import values_by_name
from ca_service.cli.secrets import notes_of


@pytest.mark.parametrize(
    "command",
    [
        "secrets set",
        "secrets set A=1 B=2 --if-version 3",
        "secrets set A=1 A=2",
        "secrets set A=1 --metadata nothing",
        "secrets delete A B --if-version 3",
        "secrets edit A",
        "secrets destroy A",
        "secrets import secrets.txt",
        "secrets import .env --format toml",
        "secrets export --format toml",
        "secrets imports add prod",
        "secrets imports add prod:shared",
        "secrets folders edit /a",
        "run",
        "run --lease a --lease b -- true",
        "run --lease a:X --lease b:X -- true",
        "run --lease :X -- true",
        "kms edit a",
        "kms sign a file --digest 00",
        "kms sign a --digest xyz",
        "kms random 0",
        "dynamic create a",
        "dynamic edit a",
        "dynamic create a --setting port:=x",
        "lease abandon lse_1",
    ],
)
def test_given_wrong_usage_then_status_2_before_anything_is_asked(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYWRIGHT_URL", "https://127.0.0.1:1")

    assert run(command.split()) == 2

    told = capsys.readouterr()
    [line] = told.err.splitlines()
    assert (told.out, line.endswith(" --help")) == ("", True)


@pytest.mark.parametrize(
    ("file", "form"),
    [
        (".env", "env"),
        ("/app/.env.local", "env"),
        ("app.env", "env"),
        ("a.JSON", "json"),
        ("a.yaml", "yaml"),
        ("a.yml", "yaml"),
        ("a.txt", None),
        ("-", None),
    ],
)
def test_given_a_files_name_then_its_format_is_known(file: str, form: str | None) -> None:
    assert format_of(file) == form


def test_given_notes_then_only_what_was_said_is_sent_and_an_empty_one_clears() -> None:
    assert notes_of(None, None, None) == {}
    assert notes_of("", [""], [""]) == {"comment": "", "tags": [], "metadata": {}}
    assert notes_of("c", ["a", "b"], ["owner=x=y"]) == {
        "comment": "c",
        "tags": ["a", "b"],
        "metadata": {"owner": "x=y"},
    }


def test_given_one_name_in_two_folders_then_nothing_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    items: list[dict[str, Any]] = [
        {"name": "A", "path": "/x", "value": "1"},
        {"name": "A", "path": "/y", "value": "2"},
    ]

    assert values_by_name([items[0], items[0]]) == {"A": "1"}
    with pytest.raises(typer.Exit):
        values_by_name(items)
    assert "/x and in /y" in capsys.readouterr().err


def test_given_a_file_and_members_then_the_members_win(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"host": "a", "port": 1}))

    assert read_config(str(tmp_path / "config.json"), ["host=b", "port:=5432", "roles:=[]"]) == {
        "host": "b",
        "port": 5432,
        "roles": [],
    }


@pytest.mark.parametrize("content", ["{", "[]"])
def test_given_a_configuration_that_is_no_object_then_the_sentence_names_the_file(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text(content)

    with pytest.raises(typer.Exit):
        read_config(str(tmp_path / "config.json"), [])
    assert "config.json" in capsys.readouterr().err


def test_given_plain_values_then_the_files_read_as_people_write_them() -> None:
    values = {"A": "x-1", "B": "a b", "C": "it's"}

    assert as_env(values) == "A=x-1\nB='a b'\nC=\"it's\"\n"
    assert as_shell(values) == "export A=x-1\nexport B='a b'\nexport C='it'\"'\"'s'\n"
    assert as_yaml(values) == '"A": "x-1"\n"B": "a b"\n"C": "it\'s"\n'
    assert as_yaml({}) == "{}\n"


@pytest.mark.parametrize(("as_json", "out"), [(True, '{\n  "valid": false\n}\n'), (False, "")])
def test_given_a_signature_that_is_not_good_then_status_1(
    as_json: bool, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = _tell_validity({"valid": False}, "signature", as_json)
    except typer.Exit as end:
        status = end.exit_code

    assert (status, capsys.readouterr().out) == (1, out)


def test_given_a_signature_that_is_good_then_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert _tell_validity({"valid": True}, "signature", False) == 0
    assert capsys.readouterr() == ("", "the signature is good\n")


def test_given_a_digest_then_no_message_is_sent() -> None:
    assert _message("-", "00ff") == {"digest": "AP8="}
