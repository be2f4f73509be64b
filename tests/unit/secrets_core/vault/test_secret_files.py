"""What files of secrets say, and what is refused in them without a value being shown."""

import pytest

from ca_service.kernel.errors import KeywrightError, MalformedError, TooLargeError, UnacceptableError
from secrets_core.vault.commits import MOST_CHANGES
from secrets_core.vault.secret_files import LARGEST_CONTENT, FileFormat, parse_file

ENV_FILE = r"""
# a comment
PLAIN=value with spaces   # and a comment
export EXPORTED = x#y
EMPTY=
COMMENTED= # nothing but a comment
SINGLE='as it is: \n "quoted" \\ \' # no comment'  # a comment
DOUBLE="tab\there \"quoted\" \\ \$ \x"
KEY="-----BEGIN-----
line # two

line 4"
REFERENCE=postgres://${USER}@${dev.db.HOST}
   INDENTED=1
dotted.name-1=ok
PLAIN=the last one counts
"""

ENV_SECRETS = {
    "PLAIN": "the last one counts",
    "EXPORTED": "x#y",
    "EMPTY": "",
    "COMMENTED": "",
    "SINGLE": 'as it is: \\n "quoted" \\ \' # no comment',
    "DOUBLE": 'tab\there "quoted" \\ \\$ \\x',
    "KEY": "-----BEGIN-----\nline # two\n\nline 4",
    "REFERENCE": "postgres://${USER}@${dev.db.HOST}",
    "INDENTED": "1",
    "dotted.name-1": "ok",
}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_an_env_file_is_read_as_the_dotenv_libraries_read_it(ending: str) -> None:
    content = "\ufeff" + ENV_FILE.replace("\n", ending)
    assert parse_file(FileFormat.ENV, content) == ENV_SECRETS


def test_json_and_yaml_give_the_text_that_is_written_there() -> None:
    json = '{"A": "x\\n", "PORT": 8080, "RATIO": 1.10, "BIG": 1e400, "ON": true, "OFF": false}'
    assert parse_file(FileFormat.JSON, json) == {
        "A": "x\n",
        "PORT": "8080",
        "RATIO": "1.10",
        "BIG": "1e400",
        "ON": "true",
        "OFF": "false",
    }
    yaml = "A: |\n  x\n  y\nPORT: 0o17\nON: yes\nEMPTY:\n'Q': \"a\\tb\"\nDAY: 2020-01-01\nREF: ${A}\n"
    assert parse_file(FileFormat.YAML, yaml) == {
        "A": "x\ny\n",
        "PORT": "0o17",
        "ON": "yes",
        "EMPTY": "",
        "Q": "a\tb",
        "DAY": "2020-01-01",
        "REF": "${A}",
    }


@pytest.mark.parametrize("format_", FileFormat)
def test_an_empty_file_names_nothing(format_: FileFormat) -> None:
    assert parse_file(format_, "{}" if format_ is FileFormat.JSON else "\n# nothing\n") == {}


#: What is refused, by the rule that refuses it. `hidden` stands where values stand.
REFUSED = {
    ("env", "A=1\nhidden"): "env",
    ("env", "=hidden"): "env",
    ("env", "A='hidden"): "env",
    ("env", 'A="hidden\\"'): "env",
    ("env", "A='1' hidden"): "env",
    ("env", "A=1\nhidden/x==\n"): "name",
    ("env", "'A'=hidden"): "env",
    ("json", ""): "json",
    ("json", '{"A": "hidden"'): "json",
    ("json", '["hidden"]'): "flat",
    ("json", '"hidden"'): "flat",
    ("json", '{"A": {"B": "hidden"}}'): "flat",
    ("json", '{"A": ["hidden"]}'): "flat",
    ("json", '{"A": null}'): "flat",
    ("json", '{"A": NaN}'): "flat",
    ("json", '{"A": "hidden", "A": "hidden"}'): "duplicate",
    ("json", '{"": "hidden"}'): "name",
    ("json", '{"A": "\\ud800hidden"}'): "utf8",
    ("json", "[" * 100_000): "flat",
    ("yaml", "- hidden"): "flat",
    ("yaml", "hidden"): "flat",
    ("yaml", "A:\n  B: hidden"): "flat",
    ("yaml", "A: [hidden]"): "flat",
    ("yaml", "? [A]\n: hidden"): "flat",
    ("yaml", "A: hidden\n---\nB: hidden"): "flat",
    ("yaml", "A: hidden\nA: hidden"): "duplicate",
    ("yaml", "A: &a hidden"): "yaml",
    ("yaml", "A: 1\nB: *hidden"): "flat",
    ("yaml", "<<: *hidden"): "flat",
    ("yaml", "A: !!python/object/apply:os.system [hidden]"): "flat",
    ("yaml", "A: !!python/name:hidden x"): "yaml",
    ("yaml", "A: 'hidden"): "yaml",
    ("yaml", "A: hidden\n\tB: hidden\n"): "yaml",
    ("yaml", "A: \x00hidden"): "yaml",
    ("yaml", "A b: hidden"): "name",
    ("yaml", "{" * 100_000): "flat",
}


def test_what_is_no_flat_file_is_refused_and_no_value_is_shown() -> None:
    rules = {}
    for format_, content in REFUSED:
        with pytest.raises(MalformedError) as refused:
            parse_file(FileFormat(format_), content)
        assert "hidden" not in refused.value.detail, content
        assert refused.value.field == "content"
        rules[format_, content] = refused.value.rule
    assert rules == REFUSED


def test_a_refusal_names_the_line() -> None:
    with pytest.raises(MalformedError, match="line 5"):
        parse_file(FileFormat.ENV, "# 1\nA='\n3'\n\nB\n")
    with pytest.raises(MalformedError, match="line 2"):
        parse_file(FileFormat.YAML, "A: 1\nB: [x\n")


def test_a_file_names_no_more_secrets_than_a_commit_changes() -> None:
    lines = [f"A{i}=1" for i in range(MOST_CHANGES)]
    assert len(parse_file(FileFormat.ENV, "\n".join(lines))) == MOST_CHANGES
    with pytest.raises(UnacceptableError) as refused:
        parse_file(FileFormat.ENV, "\n".join([*lines, "B=1"]))
    assert refused.value.rule == "changes"


def test_the_size_of_files_and_values_is_bounded() -> None:
    for content in ("#" * (LARGEST_CONTENT + 1), "ä" * (LARGEST_CONTENT // 2 + 1)):
        with pytest.raises(TooLargeError):
            parse_file(FileFormat.ENV, content)
    largest = "A=" + "x" * (LARGEST_CONTENT - 2)
    assert len(parse_file(FileFormat.ENV, largest)["A"]) == LARGEST_CONTENT - 2


def test_an_unreadable_name_is_refused_as_the_vault_refuses_it() -> None:
    with pytest.raises(KeywrightError) as refused:
        parse_file(FileFormat.JSON, '{"1A": "x"}')
    assert "'1A'" in refused.value.detail
