"""JSON from strangers, read without generosity: one meaning, bounded depth, objects only."""

import json
import re
from typing import Any, NoReturn

from ca_service.kernel.errors import MalformedError

MAXIMUM_DEPTH = 16
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in `data`; `what` names it in the error.

    Raises MalformedError for text that is not UTF-8, not JSON, not an object, nested deeper than 16, or that
    has a member twice or a number JSON does not know (RFC 8259 sections 4 and 6).
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"The {what} is not UTF-8.") from error
    _verify_depth(text, what)
    try:
        value = _DECODER.decode(text)
    except _RefusedError as error:
        raise MalformedError(f"The {what} {error}.") from error
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"The {what} is not JSON.") from error
    if not isinstance(value, dict):
        raise MalformedError(f"The {what} is not a JSON object.")
    return value


class _RefusedError(Exception):
    """What the decoder's hooks refuse, as the end of a sentence."""


def _verify_depth(text: str, what: str) -> None:
    if text.count("[") + text.count("{") <= MAXIMUM_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAXIMUM_DEPTH:
            raise MalformedError(f"The {what} is nested deeper than {MAXIMUM_DEPTH}.")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError("has a member twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"contains {name}, which is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse_constant)
