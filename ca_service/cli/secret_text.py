"""Secrets as text: .env, JSON and YAML files and lines for a shell, each read back as it was."""

import json
import re
import shlex
from collections.abc import Mapping

#: What means the same to a shell and to every reader of .env files without quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+", re.ASCII)
#: What a reader of .env files would change between single quotes, or end them at.
_UNQUOTING = re.compile(r"'|\\\\|\\\Z|\r")
#: What YAML 1.2 (section 5.1) does not take as it is, or reads as a line end.
_ESCAPED_IN_YAML = re.compile(
    '[^\t -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\\\\"\t]'
)


def as_env(values: Mapping[str, str]) -> str:
    """Return the lines of a .env file as python-dotenv and its kin read them; line ends stand between quotes.

    A shell reads the same, but for values with a carriage return, or with a quote and a `$` or backtick.
    """
    return "".join(f"{name}={_quoted_for_env(value)}\n" for name, value in values.items())


def as_shell(values: Mapping[str, str]) -> str:
    """Return lines that export the values from a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def as_json(values: Mapping[str, str]) -> str:
    """Return one JSON object."""
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def as_yaml(values: Mapping[str, str]) -> str:
    """Return a YAML mapping of double-quoted texts, so that `no` and `1e3` stay texts (YAML 1.2, 7.3.1)."""
    if not values:
        return "{}\n"
    return "".join(f"{_quoted_for_yaml(name)}: {_quoted_for_yaml(value)}\n" for name, value in values.items())


def _quoted_for_env(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if not _UNQUOTING.search(value):
        return f"'{value}'"
    if "\r" not in value and ("$" in value or "`" in value):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    return f'"{escaped}"'


def _quoted_for_yaml(text: str) -> str:
    return '"' + _ESCAPED_IN_YAML.sub(lambda found: _yaml_escape(found[0]), text) + '"'


def _yaml_escape(character: str) -> str:
    short = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}.get(character)
    return short or (f"\\u{ord(character):04x}")
