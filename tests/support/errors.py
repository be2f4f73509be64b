"""Every error of the product, and an instance of each, for the tables that render them."""

import ast
import importlib
import inspect
from datetime import timedelta
from functools import cache
from typing import Any

from ca_service.kernel.errors import KeywrightError
from tests.support.source import PACKAGES, shown, source_files, tree_of

#: What an error is made of, by the name of the parameter.
_PARTS: dict[str, Any] = {
    "detail": "Something is wrong; do this.",
    "noun": "thing",
    "decision_id": "dec_1",
    "retry_after": timedelta(seconds=3),
    "problem_type": "connection",
    "faults": (),
    "is_audited": True,
}


@cache
def every_error() -> tuple[type[KeywrightError], ...]:
    """Return every error class of the product, whichever module it stands in."""
    for file in source_files():
        if any(isinstance(node, ast.ClassDef) and node.name.endswith("Error") for node in tree_of(file).body):
            importlib.import_module(shown(file).removesuffix(".py").replace("/", "."))
    found: set[type[KeywrightError]] = {KeywrightError}
    waiting: list[type[KeywrightError]] = [KeywrightError]
    while waiting:
        below = set(waiting.pop().__subclasses__()) - found
        found |= below
        waiting.extend(below)
    ours = [error for error in found if error.__module__.partition(".")[0] in PACKAGES]
    return tuple(sorted(ours, key=lambda error: (error.__module__, error.__name__)))


def instance_of(error: type[KeywrightError]) -> KeywrightError:
    """Return an error of this class, made of the parts that it asks for."""
    asked = inspect.signature(error).parameters.values()
    given = {
        part.name: _PARTS.get(part.name, "part")
        for part in asked
        if part.default is inspect.Parameter.empty and part.kind is not inspect.Parameter.VAR_POSITIONAL
    }
    positional = [part.name for part in asked if part.kind is inspect.Parameter.POSITIONAL_ONLY]
    return error(*[given.pop(name) for name in positional if name in given], **given)
