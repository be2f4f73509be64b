"""Bytes that commands write."""

import base64
import io
import stat
import sys
from pathlib import Path

import pytest
import typer

from ca_service.cli.octets import write_content, write_encoded

BINARY = b"\x00\xff"


class Screen(io.TextIOWrapper):
    """A terminal of which everything is known that was shown on it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        return True

    def shown(self) -> bytes:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


def test_given_a_file_then_only_its_owner_can_read_what_is_written(tmp_path: Path) -> None:
    write_encoded(base64.b64encode(BINARY).decode(), str(tmp_path / "out"), "it")

    assert (tmp_path / "out").read_bytes() == BINARY
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_given_no_file_then_base64_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_encoded("AP8=", None, "it")
    assert capsys.readouterr().out == "AP8=\n"


def test_given_no_terminal_then_bytes_are_written_as_they_are(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    write_content(BINARY, None, "it")
    assert capsysbinary.readouterr().out == BINARY


def test_given_a_terminal_then_text_is_shown_and_bytes_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    text = "ключ\n".encode()

    write_content(text, None, "the plaintext")
    for content in (BINARY, b"\x1b[2J"):
        with pytest.raises(typer.Exit):
            write_content(content, None, "the plaintext")
        assert "--out" in capsys.readouterr().err
    assert screen.shown() == text

    write_content(BINARY, "-", "the plaintext")
    assert screen.shown() == text + BINARY
