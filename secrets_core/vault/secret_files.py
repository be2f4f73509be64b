"""Files of secrets: what a .env, JSON or YAML file says, as names and values. Nothing in them is executed."""

import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Never

from ca_service.kernel.errors import KeywrightError, MalformedError, TooLargeError, UnacceptableError
from secrets_core.vault.commits import MOST_CHANGES
from secrets_core.vault.secrets import parse_name, parse_value

if TYPE_CHECKING:
    from yaml.events import Event  # type: ignore[import-untyped]

LARGEST_CONTENT = 1024 * 1024

_SPACE = r"[^\S\n]*+"
_KEY = re.compile(rf"{_SPACE}(?:export[^\S\n]++)?+([^\s=#'\"]++){_SPACE}")
_EQUALS = re.compile(rf"={_SPACE}")
_DOUBLE = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_SINGLE = re.compile(r"'([^'\\]*+(?:\\.[^'\\]*+)*+)'", re.DOTALL)
_LINE = re.compile(r"[^\n]*+")
_COMMENT = re.compile(r"\s#")
_REST = re.compile(rf"{_SPACE}(?:#[^\n]*+)?(?:\n|\Z)")
_NOTHING = re.compile(rf"(?:{_SPACE}(?:#[^\n]*+)?\n)*+(?:{_SPACE}(?:#[^\n]*+)?\Z)?")
_DOUBLE_ESCAPE = re.compile(r"\\([\\'\"abfnrtv])")
_SINGLE_ESCAPE = re.compile(r"\\([\\'])")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class FileFormat(StrEnum):
    """How the file is written."""

    ENV = "env"
    JSON = "json"
    YAML = "yaml"


class FileMode(StrEnum):
    """What becomes of the folder.

    `upsert` writes what the file names, `create` only if none of it is there, and `replace` deletes the rest.
    """

    UPSERT = "upsert"
    CREATE = "create"
    REPLACE = "replace"


#: Where it stands (a line, where lines have no keys that can be told from values), name and value.
_Entry = tuple[str, str, str]


def parse_file(format_: FileFormat, content: str) -> dict[str, str]:
    """Return the secrets that a file names, in its order.

    A .env file is read as python-dotenv reads it, except that `${…}` stays as it is written: it is a
    reference of ours. JSON is one object of strings, numbers and booleans; YAML one mapping of scalars, each
    the text that is written there. Whatever is nested is refused, since a secret is one text.

    Raises MalformedError (field `content`), which names the line or the key and never a value, TooLargeError,
    and UnacceptableError for more secrets than one commit changes.
    """
    if len(content) > LARGEST_CONTENT or len(content.encode(errors="replace")) > LARGEST_CONTENT:
        raise TooLargeError(
            "A file has at most 1 MiB in UTF-8; import it in parts.", field="content", rule="content-size"
        )
    found: dict[str, str] = {}
    for count, (where, key, value) in enumerate(_READERS[format_](content.removeprefix("\ufeff")), 1):
        if count > MOST_CHANGES:
            raise UnacceptableError(
                f"One commit changes at most {MOST_CHANGES} secrets; import the file in parts.",
                field="content",
                rule="changes",
            )
        try:
            name, text = parse_name(key), parse_value(value)
        except KeywrightError as error:
            raise type(error)(f"In {where}: {error.detail}", field="content", rule=error.rule) from None
        if name in found and format_ is not FileFormat.ENV:
            _refuse(f"the {where} stands in it twice", "duplicate")
        found[name] = text
    return found


def _named(key: str) -> str:
    return "key " + ascii(key if len(key) <= 100 else f"{key[:100]}…")


def _refuse(what: str, rule: str) -> Never:
    raise MalformedError(f"The file cannot be read: {what}.", field="content", rule=rule)


def _read_env(content: str) -> Iterator[_Entry]:
    text = content.replace("\r\n", "\n").replace("\r", "\n")
    position, line = 0, 1
    while True:
        empty = _NOTHING.match(text, position)
        assert empty is not None, "the pattern matches the empty text"
        line += text.count("\n", position, empty.end())
        position = empty.end()
        if position >= len(text):
            return
        key = _KEY.match(text, position)
        equals = _EQUALS.match(text, key.end()) if key else None
        if key is None or equals is None:
            _refuse(f"line {line} is not NAME=value", "env")
        value, end = _read_env_value(text, equals.end(), line)
        yield f"line {line}", key[1], value
        line += text.count("\n", position, end)
        position = end


def _read_env_value(text: str, start: int, line: int) -> tuple[str, int]:
    """Return the value that begins here and where the next line begins."""
    quote = text[start : start + 1]
    if quote not in {'"', "'"}:
        whole = _LINE.match(text, start)
        assert whole is not None, "the pattern matches the empty text"
        return _without_comment(whole[0]), whole.end() + 1
    quoted = (_DOUBLE if quote == '"' else _SINGLE).match(text, start)
    if quoted is None:
        _refuse(f"the quote that line {line} opens is never closed", "env")
    rest = _REST.match(text, quoted.end())
    if rest is None:
        _refuse(f"something other than a comment follows the quoted value of line {line}", "env")
    if quote == "'":
        return _SINGLE_ESCAPE.sub(r"\1", quoted[1]), rest.end()
    return _DOUBLE_ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), quoted[1]), rest.end()


def _without_comment(text: str) -> str:
    if text.startswith("#"):
        return ""
    comment = _COMMENT.search(text)
    return (text if comment is None else text[: comment.start()]).rstrip()


def _read_json(content: str) -> Iterator[_Entry]:
    try:
        members = json.loads(content, object_pairs_hook=_Members, parse_int=_Written, parse_float=_Written)
    except json.JSONDecodeError as error:
        _refuse(f"line {error.lineno} is not JSON", "json")
    except RecursionError:
        _refuse("it is nested too deep", "flat")
    if not isinstance(members, _Members):
        _refuse('it is not one object like {"NAME": "value"}', "flat")
    for key, value in members:
        if isinstance(value, bool):
            yield _named(key), key, "true" if value else "false"
        elif isinstance(value, str):
            yield _named(key), key, value
        else:
            _refuse(f"the value of the {_named(key)} is not one text, number or boolean", "flat")


def _read_yaml(content: str) -> Iterator[_Entry]:
    # Heavy, and wanted by few.
    import yaml  # type: ignore[import-untyped]

    try:
        yield from _flat_pairs(yaml.parse(content, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)))
    except yaml.YAMLError as error:
        # Its own message quotes the file.
        mark = getattr(error, "problem_mark", None)
        _refuse("it is not YAML" if mark is None else f"line {mark.line + 1} is not YAML", "yaml")


def _flat_pairs(events: "Iterable[Event]") -> Iterator[_Entry]:
    """Return the pairs of one mapping of scalars. Nothing is built, so no tag and no alias does anything."""
    from yaml import events as kinds

    nodes = (each for each in events if isinstance(each, kinds.NodeEvent | kinds.MappingEndEvent))
    first = next(nodes, None)
    if first is None:
        return
    if not isinstance(first, kinds.MappingStartEvent):
        _refuse("it is not one mapping like `NAME: value`", "flat")
    key: str | None = None
    for node in nodes:
        if isinstance(node, kinds.MappingEndEvent):
            break
        line = node.start_mark.line + 1
        if not isinstance(node, kinds.ScalarEvent):
            _refuse(f"what begins in line {line} is not one text", "flat")
        if node.anchor is not None or node.tag not in {None, "!"}:
            _refuse(f"line {line} has an anchor or a tag", "yaml")
        if key is None:
            key = node.value
        else:
            yield _named(key), key, node.value
            key = None
    if next(nodes, None) is not None:
        _refuse("a second document follows", "flat")


class _Members(list[tuple[str, object]]):
    """An object of JSON with every member that is written there."""


class _Written(str):
    """A number of JSON as it is written: `1.10` stays `1.10`."""

    __slots__ = ()


_READERS = {FileFormat.ENV: _read_env, FileFormat.JSON: _read_json, FileFormat.YAML: _read_yaml}
