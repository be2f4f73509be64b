"""The files as they were, kept until new ones are known to be good; a dead process is undone by the next.

A journal is in force from the rename that gives it its name to the rename that takes it away. Undoing it
twice is the same as once.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from ca_service.agent.errors import AgentError
from ca_service.agent.tree import HostTree
from ca_service.agent.whole_files import flush_folder, make_folder, plain_files, sweep_unfinished, write_whole

_INDEX = "index.json"


class Former(Struct, frozen=True):
    """One file as it was. `copy` is its name in the journal, None if there was no such file."""

    path: str
    copy: str | None = None
    mode: int = 0
    uid: int = 0
    gid: int = 0
    modified_ns: int = 0


class Index(Struct, frozen=True):
    """All of a journal. `folders` are emptied of what was not in them, `new_folders` were not there."""

    files: tuple[Former, ...]
    folders: tuple[str, ...]
    new_folders: tuple[str, ...]


class Journal:
    """Keeps and restores the files of one tree."""

    def __init__(self, tree: HostTree) -> None:
        self._tree = tree
        self._place = tree.journal

    @property
    def is_in_force(self) -> bool:
        """Tell whether a process began something and did not end it."""
        return self._place.is_dir()

    def arm(self, files: Sequence[Path], folders: Sequence[Path] = ()) -> None:
        """Keep these files as they are, and every file of these folders; durable when this returns."""
        unfinished = self._place.with_name("journal.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_folder(unfinished, 0o700)
        everything = [*files, *(file for folder in folders for file in plain_files(folder))]
        kept = [_keep(file, str(number), unfinished) for number, file in enumerate(everything)]
        above = {folder for file in everything for folder in file.parents if not folder.exists()}
        above |= {folder for folder in folders if not folder.exists()}
        index = Index(
            files=tuple(kept),
            folders=tuple(str(folder) for folder in folders),
            new_folders=tuple(sorted((str(folder) for folder in above), key=len, reverse=True)),
        )
        write_whole(unfinished / _INDEX, msgspec.json.encode(index), 0o600)
        unfinished.rename(self._place)
        flush_folder(self._place.parent)

    def commit(self) -> None:
        """Let the new files stand."""
        done = self._place.with_name("journal.done")
        shutil.rmtree(done, ignore_errors=True)
        self._place.rename(done)
        flush_folder(self._place.parent)
        shutil.rmtree(done, ignore_errors=True)

    def undo(self) -> bool:
        """Put everything back as it was, to the byte; tell whether there was anything to undo."""
        for left in ("journal.new", "journal.done"):
            shutil.rmtree(self._place.with_name(left), ignore_errors=True)
        if not self.is_in_force:
            return False
        index = self._index()
        known = {former.path for former in index.files}
        for folder in map(Path, index.folders):
            sweep_unfinished(folder)
            for file in plain_files(folder):
                if str(file) not in known:
                    file.unlink()
        for former in index.files:
            _restore(former, self._place)
        for folder in map(Path, index.new_folders):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        self.commit()
        return True

    def _index(self) -> Index:
        try:
            return msgspec.json.decode((self._place / _INDEX).read_bytes(), type=Index)
        except (OSError, msgspec.MsgspecError) as error:
            raise AgentError(f"cannot read {self._place}: put the former files in it back") from error


def _keep(file: Path, copy: str, place: Path) -> Former:
    try:
        content, facts = file.read_bytes(), file.stat()
    except FileNotFoundError:
        return Former(str(file))
    write_whole(place / copy, content, 0o600)
    return Former(str(file), copy, facts.st_mode & 0o7777, facts.st_uid, facts.st_gid, facts.st_mtime_ns)


def _restore(former: Former, place: Path) -> None:
    file = Path(former.path)
    if file.parent.is_dir():
        sweep_unfinished(file.parent)
    if former.copy is None:
        file.unlink(missing_ok=True)
        return
    write_whole(file, (place / former.copy).read_bytes(), former.mode)
    if os.geteuid() == 0:
        os.chown(file, former.uid, former.gid)
    os.utime(file, ns=(former.modified_ns, former.modified_ns))
