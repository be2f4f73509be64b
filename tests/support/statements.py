"""Every table and every statement of the product, as the tests of tenancy read them."""

import ast
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from msgspec import Struct

from ca_service.database.statement import Statement
from migrations.tables import load_all_tables
from tests.support.source import imports_of, shown, source_files, tree_of

#: The columns that say whose a row is.
OWNER = ("organization", "project")


class NamedStatement(Struct, frozen=True):
    """A statement and where it stands: `ca_service.gate.storage:_FIND`."""

    name: str
    statement: Statement

    @property
    def tables(self) -> set[str]:
        """Return the tables that it touches."""
        sql = self.statement.sqlite
        return {table for table in load_all_tables().tables if re.search(rf"\b{table}\b", sql)}

    def binds(self, table: str, column: str) -> bool:
        """Tell whether rows of `table` are held to one `column`, by a parameter or by another bound row."""
        return column in self._inserted(table) or self._is_bound(table, column, frozenset())

    def _inserted(self, table: str) -> list[str]:
        found = re.match(rf"INSERT INTO {table} \(([^)]*)\)", self.statement.sqlite)
        return [] if found is None else [name.strip() for name in found.group(1).split(",")]

    def _is_bound(self, table: str, column: str, through: frozenset[str]) -> bool:
        sql = self.statement.sqlite
        if re.search(rf"\b{table}\.{column} = :", sql):
            return True
        joined = re.findall(rf"\b{table}\.{column} = (\w+)\.{column}\b", sql)
        joined += re.findall(rf"\b(\w+)\.{column} = {table}\.{column}\b", sql)
        return any(
            self._is_bound(other, column, through | {table}) for other in joined if other not in through
        )


@cache
def _modules() -> Mapping[str, Any]:
    """Return the modules that write statements, by name."""
    names = [
        shown(file).removesuffix(".py").replace("/", ".")
        for file in source_files()
        if ("ca_service.database.statement", "statement") in imports_of(file)
    ]
    return {name: importlib.import_module(name) for name in names}


def module_statements() -> list[NamedStatement]:
    """Return every statement that is a constant of a module, or stands in one."""
    found = []
    for module, loaded in _modules().items():
        for name, value in vars(loaded).items():
            found += [NamedStatement(f"{module}:{name}", statement) for statement in _statements_in(value)]
    return found


def _statements_in(value: object) -> Iterator[Statement]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _statements_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _statements_in(part)


def makers_of_statements() -> set[str]:
    """Return every function that returns a statement, as `module:name`."""
    return {
        f"{shown(file).removesuffix('.py').replace('/', '.')}:{node.name}"
        for file in source_files()
        if not shown(file).startswith("ca_service/database/")
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef)
        and isinstance(node.returns, ast.Name)
        and node.returns.id == "Statement"
    }


def made(name: str, call: Callable[[Any], Statement]) -> NamedStatement:
    """Return what a maker of statements makes; `call` is handed the function."""
    module, _, function = name.partition(":")
    return NamedStatement(name, call(getattr(importlib.import_module(module), function)))
