"""Files from strangers: every one is read or refused, soon, and a refusal shows nothing of a value."""

import json
import time

from hypothesis import example, given
from hypothesis import strategies as st

from ca_service.kernel.errors import KeywrightError, MalformedError, TooLargeError, UnacceptableError
from secrets_core.vault.secret_files import LARGEST_CONTENT, FileFormat, parse_file

formats = st.sampled_from(FileFormat)
_PIECES = (
    "A|=|export |'|\"|\\|\n|\r| |#|${B}|:|- |{|}|[|]|,|"
    "&a |*a|!t |---\n|<<: |? |1|null|é|\x00|\ufeff|\u2028|\t"
)
pieces = st.sampled_from([*_PIECES.split("|"), "|\n "])
contents = st.lists(pieces, max_size=30).map("".join) | st.text(max_size=60)


@given(formats, contents)
@example(FileFormat.YAML, "A: &a [*a]")
@example(FileFormat.JSON, '{"A": 1e999999}')
def test_any_file_is_read_or_refused(format_: FileFormat, content: str) -> None:
    try:
        found = parse_file(format_, content)
    except (MalformedError, UnacceptableError, TooLargeError) as error:
        found = {error.field or "": error.rule or ""}
        expected = {"content"}
    else:
        expected = set(found)
    assert found.keys() == expected
    assert all(isinstance(value, str) for value in found.values())


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True), st.text(max_size=40)))
def test_what_is_written_as_json_or_quoted_is_read_again(secrets: dict[str, str]) -> None:
    assert parse_file(FileFormat.JSON, json.dumps(secrets)) == secrets
    escaped = str.maketrans({"\\": "\\\\", "'": "\\'"})
    quoted = "".join(f"{name}='{value.translate(escaped)}'\n" for name, value in secrets.items())
    normal = {name: value.replace("\r\n", "\n").replace("\r", "\n") for name, value in secrets.items()}
    assert parse_file(FileFormat.ENV, quoted) == normal


def test_a_megabyte_of_anything_is_read_in_linear_time() -> None:
    units = {
        FileFormat.ENV: ("A= ", "A= #", 'A="\\"', "A='\\", "export ", "\n", " ", "A=1\n", "#\n", "A"),
        FileFormat.JSON: ("[", '{"A":', '{"A":1', '"', "\\", '{"A":"\\u'),
        FileFormat.YAML: ("[", "{", "- ", "? ", "A: 'x'", "A: &a ", "A: \n", "%", "!", "*", "A: x ", '"\\'),
    }
    began = time.process_time()
    for format_, texts in units.items():
        for unit in texts:
            content = unit + (unit[-3:] * LARGEST_CONTENT)[: LARGEST_CONTENT - len(unit)]
            try:
                parse_file(format_, content)
            except KeywrightError:
                continue
    assert time.process_time() - began < 20  # seconds; a quadratic reading takes hours
