"""How commands answer: JSON for programs, words and tables for people, one sentence for what went wrong."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows under their columns, or the sentence `empty`; plain text, so that it can be piped."""
    if not rows:
        print(empty)
        return
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in [list(columns), *cells]) for index in range(len(columns))]
    for row in [[column.upper() for column in columns], *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one a line."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        print(f"{name.ljust(width)}  {shown(value)}")


def shown(value: object) -> str:
    """Return a value as a person reads it: lists without brackets, nothing as a dash."""
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(shown(part) for part in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def conclude(sentence: str, answer: dict[str, Any], as_json: bool) -> None:
    """Say what was done: `answer` for a program on standard output, `sentence` for a person on the other."""
    if as_json:
        print_json(answer)
    else:
        note(sentence)


def note(text: str) -> None:
    """Tell a person something that is not the answer: on standard error."""
    print(text, file=sys.stderr)


def fail(text: str) -> NoReturn:
    """End with exit status 1 and one sentence on standard error."""
    print(f"keywright: {text}", file=sys.stderr)
    raise typer.Exit(1)
