"""From typed values to Cedar's syntax, so that no value is ever pasted into a policy."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TypeAlias

from ca_service.policy.errors import QuestionError
from ca_service.policy.values import ContextValue, Entity

Json: TypeAlias = dict[str, Any]

_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*")
_MILLISECOND = timedelta(milliseconds=1)
_LARGEST = 2**63 - 1


def cedar_string(value: str) -> str:
    """Return a Cedar string literal that means exactly `value`; everything but plain ASCII is escaped."""
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return "\\" + character
    if " " <= character <= "~":
        return character
    return f"\\u{{{ord(character):x}}}"


def cedar_entity(entity: Entity) -> str:
    """Return an entity as Cedar writes it: `Acme::Directory::"default"`. Raises ValueError for a bad type."""
    if not _TYPE.fullmatch(entity.type):
        raise ValueError(f"not a Cedar entity type: {entity.type!r}")
    return f"{entity.type}::{cedar_string(entity.id)}"


def cedar_strings(values: Iterable[str]) -> str:
    """Return a set literal of strings."""
    return "[" + ", ".join(map(cedar_string, values)) + "]"


def uid(entity: Entity) -> Json:
    """Return an entity's name in Cedar's JSON."""
    return {"type": entity.type, "id": entity.id}


def cedar_json(value: ContextValue) -> Any:
    """Return a context or attribute value in Cedar's JSON; durations are rounded up to milliseconds.

    Raises QuestionError for what Cedar cannot hold.
    """
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise QuestionError("a number in a policy question does not fit 64 bits")
        return value
    if isinstance(value, timedelta):
        return {"__extn": {"fn": "duration", "arg": f"{-(-value // _MILLISECOND)}ms"}}
    if isinstance(value, dict):
        if any(key.startswith("__") for key in value):
            raise QuestionError("an attribute of a policy question begins with two underscores")
        return {key: cedar_json(part) for key, part in value.items()}
    return [cedar_json(part) for part in value]
