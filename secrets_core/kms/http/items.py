"""One item or a batch of them in a body, and their answers: `{…}` for one, `{"items": […]}` for a batch."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct

from ca_service.kernel.errors import KeywrightError, MalformedError
from ca_service.web.problems import Problem, render_problem
from secrets_core.kms.operations import Results

I = TypeVar("I", bound=Struct)  # noqa: E741 - one letter each: item, answer, body
A = TypeVar("A")
B = TypeVar("B")


class FailedItem(Struct, frozen=True):
    """An item that failed; the others were done."""

    error: Problem


class Batch(Struct, Generic[B], frozen=True):
    """The answers of a batch, in the order of its items."""

    items: Sequence[B | FailedItem]


def items_of(body: Any, kind: type[I]) -> tuple[Sequence[I], bool]:
    """Return the items of a body and whether they are a batch. Raises MalformedError.

    `body` has the members of `kind`, all of them optional, and `items`.
    """
    given = {name: value for name in kind.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    if body.items is not UNSET:
        if given:
            first = next(iter(given))
            raise MalformedError(
                f"Send `items` for a batch, or `{first}` for one; not both.", field=first, rule="items-or-one"
            )
        batch: Sequence[I] = body.items
        return batch, True
    for name in _required(kind):
        if name not in given:
            raise MalformedError(f"Object missing required field `{name}`.", field=name, rule="required")
    return (kind(**given),), False


@cache
def _required(kind: type[Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(kind) if field.required)


def shown_batch(results: Results[A], show: Callable[[A], B], request_id: str) -> Batch[B]:
    """Return the answers of a batch."""
    return Batch([_item(item, show, request_id) for item in results.items])


def shown_one(results: Results[A], show: Callable[[A], B]) -> B:
    """Return the answer of the only item as its body."""
    [item] = results.items
    if isinstance(item, KeywrightError):
        raise item
    return show(item)


def _item(item: A | KeywrightError, show: Callable[[A], B], request_id: str) -> B | FailedItem:
    if isinstance(item, KeywrightError):
        return FailedItem(msgspec.json.decode(render_problem(item, request_id).body, type=Problem))
    return show(item)
