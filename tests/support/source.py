"""The project's own source, as the architecture tests read it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ca_service", "acme", "ssh_ca", "secrets_core")


@cache
def source_files() -> tuple[Path, ...]:
    """Return every Python file of the product, without tests and migrations."""
    return tuple(sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")))


def shown(file: Path) -> str:
    """Return a file's path as a person would write it."""
    return str(file.relative_to(ROOT))


@cache
def tree_of(file: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def imports_of(file: Path) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) for each import in a file, wherever it stands; name is None for `import x`."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name
