"""What `keywright secrets export` writes, the import reads as it was."""

from collections.abc import Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ca_service.cli.secret_text import as_env, as_json, as_yaml
from secrets_core.vault.secret_files import FileFormat, parse_file

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,12}", fullmatch=True)
#: Texts of what quoting is about, and of everything else.
VALUES = st.text(
    st.sampled_from("ab '\"\\$`#=\n\r\t{}!%\0\x85\u2028\ufeff\U0001f511"), max_size=12
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FILES = st.dictionaries(NAMES, VALUES, max_size=5)
TRAPS: Mapping[str, str] = {
    "no": "no",
    "A": "it's $HOME\\",
    "B": "\\'",
    "C": "two\nlines\n",
    "D": " # ",
    "E": 'say "hi"\r\n',
    "F": "",
    "G": "\\\\\\",
    "H": "${OTHER}",
    "null": "1e3",
}


@settings(max_examples=50)
@given(FILES)
@example(TRAPS)
def test_what_is_written_as_env_json_or_yaml_is_read_as_it_was(values: Mapping[str, str]) -> None:
    assert parse_file(FileFormat.ENV, as_env(values)) == values
    assert parse_file(FileFormat.JSON, as_json(values)) == values
    assert parse_file(FileFormat.YAML, as_yaml(values)) == values
