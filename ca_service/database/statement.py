"""Statements: written with SQLAlchemy Core, compiled once for both engines, run on the raw drivers.

A raw driver converts nothing, so `statement` refuses at import what would go wrong there. A process that
serves compiles for its own engine alone.
"""

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct, json
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import CompileError, SAWarning
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import bindparam, literal, visitors
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.sql.elements import BindParameter, ClauseList, ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.schema import Column, Table
from sqlalchemy.sql.sqltypes import (
    BigInteger,
    Boolean,
    Integer,
    LargeBinary,
    NullType,
    SmallInteger,
    String,
    Text,
)
from sqlalchemy.types import TypeEngine

from ca_service.database.engines import ENGINES, Engine

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql.dml import Insert as ConflictInsert

#: Types whose values the raw drivers take and give as they are.
_PLAIN_TYPES = (Text, String, BigInteger, Integer, SmallInteger, LargeBinary, NullType)


class StatementError(TypeError):
    """A statement that the raw drivers would get wrong, or that is called with the wrong parameters."""


class Statement:
    """One compiled statement. `names` are the parameters that each call gives, no more and no fewer.

    An engine that was not compiled for has none of its attributes.
    """

    __slots__ = (
        "_postgresql_literals",
        "_postgresql_order",
        "_postgresql_required",
        "_shown",
        "_sqlite_literals",
        "list_names",
        "names",
        "postgresql",
        "postgresql_types",
        "returns_rows",
        "sqlite",
    )

    sqlite: str
    postgresql: str
    postgresql_types: tuple[str, ...]

    def __init__(self, sqlite: "_Compiled | None", postgresql: "_Compiled | None") -> None:
        self.names = frozenset[str]()
        self.list_names = frozenset[str]()
        self.returns_rows = False
        self._postgresql_required: str | None = None
        for compiled in (sqlite, postgresql):
            if compiled is not None:
                self.names, self.list_names = compiled.names, compiled.list_names
                self.returns_rows = compiled.returns_rows
                self._shown = compiled.sql
        if sqlite is not None:
            self.sqlite = sqlite.sql
            self._sqlite_literals = sqlite.literals
        if postgresql is not None:
            self.postgresql = postgresql.sql
            self._postgresql_literals = postgresql.literals
            self._postgresql_order = postgresql.order
            self.postgresql_types = tuple(postgresql.types[name] for name in postgresql.order)

    def bind_sqlite(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return what the sqlite3 driver is given. Raises StatementError if a parameter's name is wrong."""
        if parameters.keys() != self.names:
            raise self._wrong_names(parameters)
        for name in self.list_names:
            parameters[name] = json.encode(parameters[name]).decode()
        if self._sqlite_literals:
            parameters.update(self._sqlite_literals)
        return parameters

    def bind_postgresql(self, parameters: dict[str, Any]) -> list[Any]:
        """Return the values of `$1`, `$2`, …, whose types `postgresql_types` names.

        Raises StatementError if a parameter's name is wrong.
        """
        if parameters.keys() != self.names:
            raise self._wrong_names(parameters)
        if self._postgresql_literals:
            parameters.update(self._postgresql_literals)
        return [parameters[name] for name in self._postgresql_order]

    @property
    def postgresql_required(self) -> str:
        """Return the statement so that finding or changing no row is an error of the server's (22012).

        What was sent behind it is then not run, without anybody having waited for its answer.
        """
        if self._postgresql_required is None:
            rows = self.postgresql if self.returns_rows else f"{self.postgresql} RETURNING 1"
            self._postgresql_required = f"WITH done AS ({rows}) SELECT 1 / count(*) FROM done"  # noqa: S608 - compiled parts, no input
        return self._postgresql_required

    def _wrong_names(self, parameters: dict[str, Any]) -> StatementError:
        missing, unknown = sorted(self.names - parameters.keys()), sorted(parameters.keys() - self.names)
        return StatementError(f"missing parameters {missing}, unknown {unknown}: {self._shown}")

    def __repr__(self) -> str:
        return f"Statement({self._shown!r})"


class _Compiled(Struct, frozen=True):
    """One engine's half of a statement. `order` is that of `$1`, `$2`, …; `types` as the wire has them."""

    sql: str
    names: frozenset[str]
    list_names: frozenset[str]
    literals: dict[str, Any]
    order: tuple[str, ...]
    types: dict[str, str]
    returns_rows: bool


class _ListType(TypeEngine[Any]):
    """The type of a list parameter, and of its elements."""

    def __init__(self, element: TypeEngine[Any]) -> None:
        self.element = element


class _AnyOf(FunctionElement[bool]):
    """`column` is among the values of a list parameter."""

    name = "any_of"
    type = Boolean()
    inherit_cache = True


@compiles(_AnyOf, "sqlite")
def _any_of_on_sqlite(element: _AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"  # noqa: S608 - compiled parts, no input


@compiles(_AnyOf, "postgresql")
def _any_of_on_postgresql(element: _AnyOf, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(clause, **options) for clause in element.clauses)
    element_type = compiler.dialect.type_compiler_instance.process(next(iter(element.clauses)).type)
    return f"({column} = ANY ({values}::{element_type}[]))"


def any_of(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Return the condition that `column` is one of the list given as `parameter` (text or whole numbers)."""
    if not isinstance(column.type, Text | BigInteger | Integer | SmallInteger):
        raise StatementError(f"any_of takes columns of text or whole numbers, not {column!r}")
    return _AnyOf(column, bindparam(parameter, type_=_ListType(column.type)))


def conflict_insert(table: Table) -> "ConflictInsert":
    """Return an INSERT that may say `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if "postgresql" in ENGINES:
        # SQLite's compiler reads it too; PostgreSQL's does not read SQLite's.
        from sqlalchemy.dialects.postgresql.dml import insert
    else:
        from sqlalchemy.dialects.sqlite.dml import insert  # type: ignore[assignment]
    return insert(table)


def insert_if_absent(table: Table, *column_names: str, conflict: tuple[str, ...] | None = None) -> Insert:
    """Return an INSERT of these columns, each a parameter of its name, that passes over an existing row.

    `conflict` names the columns whose unique constraint may be hit; None means any constraint. The number of
    changed rows tells whether the row was new.
    """
    values: dict[str, Any] = {name: bindparam(name) for name in column_names}
    return conflict_insert(table).values(values).on_conflict_do_nothing(index_elements=conflict)


@cache
def _dialect(engine: Engine) -> Dialect:
    if engine == "sqlite":
        from ca_service.database import sqlite_dialect

        return sqlite_dialect.DIALECT
    from ca_service.database import postgresql_dialect

    return postgresql_dialect.DIALECT


def statement(core: Executable) -> Statement:
    """Compile `core` for the engines; each `bindparam("name")` becomes a parameter of the call.

    Constants in an `in_([...])` are spread out; lists that are parameters need `any_of`. Raises
    StatementError for types with conversions, defaults in Python, an expanding parameter, and for an
    INSERT or UPDATE that does not name its columns.
    """
    _refuse_python_defaults(core)
    if isinstance(core, Insert) and not core.exported_columns:
        core = core.inline()
    core = visitors.replacement_traverse(core, {}, _spread_constants)  # type: ignore[call-overload]
    sqlite = _compile(core, _dialect("sqlite")) if "sqlite" in ENGINES else None
    postgresql = _compile(core, _dialect("postgresql")) if "postgresql" in ENGINES else None
    if sqlite is not None and postgresql is not None and _names(sqlite) != _names(postgresql):
        raise StatementError(f"the two engines name parameters differently: {sqlite.sql}")
    return Statement(sqlite, postgresql)


def _names(compiled: _Compiled) -> tuple[frozenset[str], frozenset[str]]:
    return compiled.names, compiled.list_names


def _compile(core: Executable, dialect: Dialect) -> _Compiled:
    try:
        with warnings.catch_warnings():
            # Such as an INSERT that leaves out its primary key.
            warnings.simplefilter("error", SAWarning)
            compiled = core.compile(dialect=dialect, column_keys=[])  # type: ignore[attr-defined]
    except (CompileError, SAWarning) as error:
        raise StatementError(str(error)) from error
    _refuse_missing_columns(core, compiled)
    _refuse_converted_results(compiled)
    names, list_names, literals = _sort_parameters(compiled)
    return _Compiled(
        compiled.string,
        names,
        list_names,
        literals,
        tuple(compiled.positiontup or ()),
        {name: _wire_type(bind.type) for bind, name in compiled.bind_names.items()},
        bool(_result_columns(compiled)),
    )


def _wire_type(type_: TypeEngine[Any]) -> str:
    """Return the type in which a parameter travels to PostgreSQL; "" leaves it to the value."""
    if isinstance(type_, _ListType):
        return f"{_wire_type(type_.element)}[]"
    if isinstance(type_, String):
        return "text"
    if isinstance(type_, Integer):
        return "int8"
    return "bytea" if isinstance(type_, LargeBinary) else ""


def _spread_constants(element: Any, **_: Any) -> Any:
    """Return the constants of an `in_([...])` one by one; None leaves the element as it is."""
    if isinstance(element, BindParameter) and element.expanding and not element.required:
        constants = [literal(value, element.type) for value in element.value or ()]
        if not constants:
            raise StatementError("an empty list of constants in in_()")
        return ClauseList(*constants).self_group()
    return None


def _refuse_python_defaults(core: Executable) -> None:
    if not isinstance(core, Insert | Update):
        return
    for column in core.table.columns:
        if isinstance(column, Column) and (column.default is not None or column.onupdate is not None):
            raise StatementError(
                f"column {column} has a default in Python, which the raw drivers do not apply"
            )


def _refuse_missing_columns(core: Executable, compiled: SQLCompiler) -> None:
    if isinstance(core, Insert) and compiled.string.rstrip().endswith("DEFAULT VALUES"):
        raise StatementError(f"name the columns: insert({core.table}).values(id=bindparam('id'), …)")
    if isinstance(core, Update) and " SET  " in f"{compiled.string} ":
        raise StatementError(f"name the columns: update({core.table}).values(id=bindparam('id'), …)")


def _result_columns(compiled: SQLCompiler) -> list[Any]:
    return list(compiled._result_columns)  # noqa: SLF001 - SQLAlchemy shows a statement's result types nowhere else


def _refuse_converted_results(compiled: SQLCompiler) -> None:
    for entry in _result_columns(compiled):
        if not _is_plain(entry.type):
            raise StatementError(
                f"result {entry.keyname!r} has type {entry.type!r}, which needs a conversion"
            )
        if any(isinstance(item, FunctionElement) and item.name in {"sum", "avg"} for item in entry.objects):
            raise StatementError(
                f"result {entry.keyname!r} is a Decimal on PostgreSQL: wrap it in cast(…, BigInteger)"
            )


def _is_plain(type_: TypeEngine[Any]) -> bool:
    """Tell whether values of this type pass the raw drivers untouched; a subclass may add a conversion."""
    return type(type_) in _PLAIN_TYPES


def _sort_parameters(compiled: SQLCompiler) -> tuple[frozenset[str], frozenset[str], dict[str, Any]]:
    names: set[str] = set()
    list_names: set[str] = set()
    literals: dict[str, Any] = {}
    for bind, name in compiled.bind_names.items():
        if bind.expanding:
            raise StatementError(f"parameter {name!r} is an expanding IN: use any_of(column, {name!r})")
        if isinstance(bind.type, _ListType):
            list_names.add(name)
        elif not _is_plain(bind.type):
            raise StatementError(f"parameter {name!r} has type {bind.type!r}, which needs a conversion")
        if bind.required:
            names.add(name)
        elif bind.unique and bind.callable is None:
            literals[name] = bind.value
        else:
            raise StatementError(f"parameter {name!r} has a default: every call gives every parameter")
    return frozenset(names), frozenset(list_names), literals
