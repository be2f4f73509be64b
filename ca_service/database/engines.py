"""The engines that this process may meet: both, unless it is told which one it serves on."""

from typing import Any, Literal

from sqlalchemy.sql.elements import ColumnElement, TextClause

Engine = Literal["sqlite", "postgresql"]

#: What statements and tables are made for.
ENGINES: set[Engine] = {"sqlite", "postgresql"}


def compile_only_for(engine: Engine) -> None:
    """Make statements and tables for one engine from now on, in a process that will not meet the other.

    The other's compiler and texts would be megabytes of its memory. What the other would refuse is refused
    where both are compiled for: in every test.
    """
    ENGINES.intersection_update({engine})


def only_where(condition: ColumnElement[bool] | TextClause) -> dict[str, Any]:  # an Index takes any
    """Return the options of an Index that holds only rows for which a condition is true."""
    return {f"{engine}_where": condition for engine in ENGINES}
