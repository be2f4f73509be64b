"""Files that are always whole: written beside, flushed, renamed. Nothing is ever cut short in place."""

import os
from collections.abc import Callable
from pathlib import Path

_MARK = ".keywright-new"


def write_whole(file: Path, content: bytes, mode: int = 0o644) -> None:
    """Put a file in place in one step, durable when this returns, whatever mode the former one had."""
    unfinished = file.with_name(f".{file.name}{_MARK}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as out:
        os.fchmod(out.fileno(), mode)
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(file)
    flush_folder(file.parent)


def write_if_changed(file: Path, content: bytes, mode: int = 0o644) -> bool:
    """Put a file in place unless it is there as it should be; tell whether it was not."""
    try:
        if file.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    write_whole(file, content, mode)
    return True


def remove_file(file: Path) -> None:
    """Remove a file for good, if it is there."""
    file.unlink(missing_ok=True)
    flush_folder(file.parent)


def sweep_unfinished(folder: Path) -> None:
    """Remove what a dead process was writing here."""
    for left in _listed(folder, lambda path: path.name.endswith(_MARK)):
        left.unlink(missing_ok=True)


def plain_files(folder: Path) -> list[Path]:
    """Return the files of a folder by name, unfinished ones left out; none if there is no such folder."""
    return _listed(folder, lambda path: path.is_file() and not path.name.endswith(_MARK))


def make_folder(folder: Path, mode: int = 0o755) -> None:
    """Make a folder and those above it."""
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _listed(folder: Path, is_wanted: Callable[[Path], bool]) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_wanted(path))
