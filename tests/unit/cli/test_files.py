"""What commands read and write: never a private key out, always a private key for its owner alone."""

import stat
from pathlib import Path
from typing import Any

import pytest
import typer

from ca_service.cli.files import prepare_folder, read_public, write_certificate, write_file

LEAF = "-----BEGIN CERTIFICATE-----\nbGVhZg==\n-----END CERTIFICATE-----\n"
ISSUER = "-----BEGIN CERTIFICATE-----\naXNzdWVy\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\na2V5\n-----END PRIVATE KEY-----\n"


def issued(**further: Any) -> dict[str, Any]:
    return {"certificate": LEAF, "chain": [ISSUER], **further}


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_given_a_key_then_it_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    write_certificate(tmp_path, issued(private_key=KEY))

    assert ((tmp_path / "key.pem").read_text(), mode_of(tmp_path / "key.pem")) == (KEY, 0o600)


def test_given_a_file_that_others_may_read_then_the_key_that_replaces_it_is_private(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("old")
    (tmp_path / "key.pem").chmod(0o644)

    write_certificate(tmp_path, issued(private_key=KEY))

    assert mode_of(tmp_path / "key.pem") == 0o600


def test_given_a_link_in_the_keys_place_then_its_target_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("mine")
    (tmp_path / "key.pem").symlink_to(target)

    write_certificate(tmp_path, issued(private_key=KEY))

    assert target.read_text() == "mine"


def test_given_a_chain_then_fullchain_is_leaf_and_chain(tmp_path: Path) -> None:
    write_certificate(tmp_path, issued())

    texts = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert texts == {"certificate.pem": LEAF, "chain.pem": ISSUER, "fullchain.pem": LEAF + ISSUER}


def test_given_no_key_then_none_is_named(tmp_path: Path) -> None:
    assert write_certificate(tmp_path, issued()) == ["certificate.pem", "chain.pem", "fullchain.pem"]


def test_given_a_folder_that_is_a_file_then_the_command_ends_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(typer.Exit) as ended:
        prepare_folder(tmp_path / "taken")

    assert ended.value.exit_code == 1
    assert str(tmp_path / "taken") in capsys.readouterr().err


def test_given_a_folder_in_the_files_place_then_nothing_unfinished_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()

    with pytest.raises(typer.Exit):
        write_file(tmp_path / "taken", "text")

    assert [file.name for file in tmp_path.iterdir()] == ["taken"]
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["", "EC ", "RSA ", "OPENSSH ", "ENCRYPTED "])
def test_given_a_private_key_then_it_is_never_read_for_sending(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "id"
    file.write_text(f"-----BEGIN {kind}PRIVATE KEY-----\nc2VjcmV0\n-----END {kind}PRIVATE KEY-----\n")

    with pytest.raises(typer.Exit):
        read_public(file, "the public key (.pub)")

    told = capsys.readouterr().err
    assert "private key" in told
    assert "c2VjcmV0" not in told


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_given_a_file_that_cannot_be_read_then_the_sentence_names_it(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "request.csr").write_bytes(content)

    with pytest.raises(typer.Exit):
        read_public(tmp_path / "request.csr", "a request")

    assert str(tmp_path / "request.csr") in capsys.readouterr().err


def test_given_a_comment_in_any_script_then_the_public_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA zoë@høst\n", encoding="utf-8")

    assert read_public(tmp_path / "id.pub", "the public key") == "ssh-ed25519 AAAA zoë@høst\n"
