"""Paths of folders: `/`, `/app`, `/app/db`. One spelling each, so that equal places are equal texts."""

import re
from typing import NewType

from ca_service.kernel.errors import MalformedError

FolderPath = NewType("FolderPath", str)

ROOT = FolderPath("/")
MOST_DEPTH = 20
_MOST_LENGTH = 1024
_SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def parse_path(text: str, *, field: str = "path") -> FolderPath:
    """Return the path without a slash at its end. Raises MalformedError.

    A path begins with `/`; each part has 1 to 64 letters, digits, `-` and `_`; there are at most 20 parts.
    """
    if text == "/":
        return ROOT
    segments = text.removesuffix("/").split("/") if len(text) <= _MOST_LENGTH else []
    if not segments or segments[0] != "" or not all(_SEGMENT.fullmatch(part) for part in segments[1:]):
        detail = (
            "A path begins with `/`, and each of its parts has 1 to 64 letters, digits, `-` and `_`, like "
            f"/app/db; at most {_MOST_LENGTH} characters in all."
        )
        raise MalformedError(detail, field=field, rule="path")
    if len(segments) - 1 > MOST_DEPTH:
        raise MalformedError(f"A path has at most {MOST_DEPTH} parts.", field=field, rule="path-depth")
    return FolderPath("/".join(segments))


def parent_of(path: FolderPath) -> FolderPath:
    """Return the path of the folder around this one; the root is its own."""
    return FolderPath(path.rpartition("/")[0] or "/")


def name_of(path: FolderPath) -> str:
    """Return the last part of a path; the root has none."""
    return path.rpartition("/")[2]


def join(path: FolderPath, name: str) -> FolderPath:
    """Return the path of a folder inside another."""
    return FolderPath(f"{path.removesuffix('/')}/{name}")


def ancestors_of(path: FolderPath) -> tuple[FolderPath, ...]:
    """Return the folders around this one, the root first; the root has none."""
    if path == ROOT:
        return ()
    around = parent_of(path)
    return (*ancestors_of(around), around)
