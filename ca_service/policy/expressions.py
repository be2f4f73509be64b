"""What a policy's conditions speak of, read from Cedar's JSON expressions (Cedar: "JSON policy format").

An expression is a dict with one operator; its operand holds further expressions.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ca_service.policy.cedar_text import Json

_LEAVES = frozenset({"Value", "Var", "Slot", "Unknown"})
_CONTEXT: Json = {"Var": "context"}


def nodes_of(expression: Json) -> Iterator[Json]:
    """Walk an expression and all expressions within it, the outermost first."""
    open_ends = [expression]
    while open_ends:
        node = open_ends.pop()
        yield node
        open_ends.extend(_children(node))


def _children(node: Json) -> Iterable[Json]:
    for operator, operand in node.items():
        if operator in _LEAVES:
            continue
        parts = operand.values() if isinstance(operand, dict) else operand
        yield from (part for part in parts if isinstance(part, dict))


def speaks_of_wildcards(nodes: Iterable[Json]) -> bool:
    """Tell whether `context.name.wildcard` stands among the nodes."""
    return any(
        _is_access(node, "wildcard") and _is_access(node["."]["left"], "name", _CONTEXT) for node in nodes
    )


def concerns_names(expression: Json) -> bool:
    """Tell whether the expression may come out differently for another `context.name`.

    It may if it takes or tests that attribute, or uses the context as a whole.
    """
    open_ends = [expression]
    while open_ends:
        node = open_ends.pop()
        if node == _CONTEXT:
            return True
        attribute = _attribute_of_context(node)
        if attribute == "name":
            return True
        if attribute is None:
            open_ends.extend(_children(node))
    return False


def looks_only_at_names(expression: Json) -> bool:
    """Tell whether the expression takes nothing from the question but `context.name`."""
    open_ends = [expression]
    while open_ends:
        node = open_ends.pop()
        if "Var" in node:
            return False
        if _attribute_of_context(node) != "name":
            open_ends.extend(_children(node))
    return True


def texts_in(nodes: Iterable[Json]) -> frozenset[str]:
    """Return the string literals among the nodes."""
    return frozenset(node["Value"] for node in nodes if _is_text(node))


def _is_text(node: Json) -> bool:
    return len(node) == 1 and isinstance(node.get("Value"), str)


def patterns_in(nodes: Iterable[Json]) -> tuple[tuple[str | None, ...], ...]:
    """Return the `like` patterns among the nodes, each as its characters with None for `*`."""
    return tuple(
        tuple(None if element == "Wildcard" else element["Literal"] for element in node["like"]["pattern"])
        for node in nodes
        if "like" in node
    )


def _is_access(node: Json, attribute: str, left: Json | None = None) -> bool:
    access: Any = node.get(".")
    return access is not None and access["attr"] == attribute and (left is None or access["left"] == left)


def _attribute_of_context(node: Json) -> str | None:
    for operator in (".", "has"):
        access = node.get(operator)
        if access is not None and access["left"] == _CONTEXT:
            return str(access["attr"])
    return None


def conjuncts(expression: Json) -> list[Json]:
    """Return the parts that `&&` joins, in their order; an expression without `&&` is its only part."""
    found: list[Json] = []
    open_ends = [expression]
    while open_ends:
        node = open_ends.pop()
        both = node.get("&&")
        if both is None:
            found.append(node)
        else:
            open_ends += [both["right"], both["left"]]
    return found


def required_attributes(conditions: Iterable[Json]) -> frozenset[str]:
    """Return the context attributes without which the first condition is false before anything else.

    They are those that its leading `context has …` ask for; what stands behind anything else may be an error
    first, and that is for Cedar to find.
    """
    first = next(iter(conditions), None)
    if first is None or first["kind"] != "when":
        return frozenset()
    found: list[str] = []
    for part in conjuncts(first["body"]):
        attribute = _attribute_of_context(part) if "has" in part else None
        if attribute is None:
            break
        found.append(attribute)
    return frozenset(found)
