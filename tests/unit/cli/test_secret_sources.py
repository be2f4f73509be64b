"""Where values of secrets and bytes for keys come from."""

import io
import sys
from pathlib import Path

import pytest
import typer

from ca_service.cli.octets import read_argument, read_encoded
from ca_service.cli.secret_sources import read_assignments


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """A standard input that is no terminal; what is written into it before is read from it."""
    octets = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(octets))
    return octets


def sends(stdin: io.BytesIO, content: bytes) -> None:
    stdin.write(content)
    stdin.seek(0)


def test_given_values_and_files_then_each_is_taken_exactly(tmp_path: Path, stdin: io.BytesIO) -> None:
    (tmp_path / "pem").write_bytes("ключ\n\n".encode())

    read = read_assignments(["A=x=y", "B=", f"C=@{tmp_path}/pem"])

    assert read == {"A": "x=y", "B": "", "C": "ключ\n\n"}


def test_given_literal_then_nothing_but_the_first_equals_sign_means_anything() -> None:
    assert read_assignments(["A=@x", "B=-"], is_literal=True) == {"A": "@x", "B": "-"}


def test_given_standard_input_then_a_dash_takes_it_exactly(stdin: io.BytesIO) -> None:
    sends(stdin, b"two\nlines\n")
    assert read_assignments(["A=-"]) == {"A": "two\nlines\n"}


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_given_standard_input_and_a_name_alone_then_its_last_line_end_is_left_out(
    stdin: io.BytesIO, ending: bytes
) -> None:
    sends(stdin, b"two\nlines" + ending)
    assert read_assignments(["A"]) == {"A": "two\nlines"}


@pytest.mark.parametrize("texts", [["A", "B"], ["A=-", "B=-"], ["A=-", "B"], ["=x"], [""], ["A=1", "A=2"]])
def test_given_what_cannot_be_then_it_is_wrong_usage(texts: list[str], stdin: io.BytesIO) -> None:
    with pytest.raises(typer.BadParameter):
        read_assignments(texts)


@pytest.mark.parametrize(
    ("content", "named"), [(b"\xff\xfe", "UTF-8"), (b"x" * (2 * 1024 * 1024 + 1), "larger")]
)
def test_given_a_file_that_is_no_secret_then_the_sentence_says_why(
    content: bytes, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(typer.Exit):
        read_assignments([f"A=@{tmp_path}/file"])
    assert named in capsys.readouterr().err


def test_given_no_file_then_the_sentence_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        read_assignments([f"A=@{tmp_path}/gone"])
    assert f"{tmp_path}/gone" in capsys.readouterr().err


def test_given_an_argument_then_it_is_text_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "aad").write_bytes(b"\x00\xff")

    assert read_argument("row 7", "it") == b"row 7"
    assert read_argument(f"@{tmp_path}/aad", "it") == b"\x00\xff"


@pytest.mark.parametrize("content", [b"\x30\x45\x02\xff", b"MEUC\n/w==\n"])
def test_given_a_signature_in_bytes_or_base64_then_it_is_the_same(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "sig").write_bytes(content)

    assert read_encoded(str(tmp_path / "sig"), "a signature") == (
        content if content[0] == 0x30 else b"\x30\x45\x02\xff"
    )
