"""Parameters of a query for handlers that are called at once: texts, whole numbers and yes or no.

What is unusual (a name twice, nothing behind it, a number that is none, bytes that are no text) is left to
the application behind, which answers or refuses it in its own words.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from litestar.params import QueryParameter
from msgspec import Struct

_PLAIN = (str, int, bool)
_KNOWN = frozenset({*_PLAIN, *(kind | None for kind in _PLAIN)})
_MOST = 64


class Query(Struct, frozen=True):
    """A parameter that a handler declares; `default` is `inspect.Parameter.empty` where it must be given."""

    name: str
    kind: Any
    default: Any

    @property
    def is_text(self) -> bool:
        """Tell one whose value is taken as it is."""
        return self.kind in {str, str | None}


def query_of(parameter: inspect.Parameter) -> Query | None:
    """Return what a parameter of a handler declares, None if it is no plain parameter of a query."""
    if get_origin(parameter.annotation) is not Annotated:
        return None
    kind, *marks = get_args(parameter.annotation)
    if kind not in _KNOWN or [type(mark) for mark in marks] != [QueryParameter]:
        return None
    if marks[0] != QueryParameter():
        return None
    return Query(parameter.name, kind, parameter.default)


def parse_queries(wanted: Sequence[Query], text: bytes) -> Mapping[str, Any] | None:
    """Return the values of these parameters; None where the application behind must judge."""
    given = _given(text) if text else {}
    if given is None:
        return None
    values = {}
    for query in wanted:
        value = given.get(query.name)
        if value is None:
            if query.default is inspect.Parameter.empty:
                return None
            values[query.name] = query.default
        elif query.is_text:
            values[query.name] = value
        else:
            try:
                values[query.name] = msgspec.convert(value, query.kind, strict=False)
            except msgspec.ValidationError:
                return None
    return values


def _given(text: bytes) -> dict[str, str] | None:
    if not text.isascii():
        return None
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST, errors="strict")
    except ValueError:
        return None
    given = dict(pairs)
    return given if len(given) == len(pairs) and all(given.values()) else None
