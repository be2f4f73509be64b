"""A folder in memory for what tests write: thousands of small databases cost less there than on a disk.

What a test proves of durability it proves by killing processes, which a folder in memory outlives.
"""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_NAME = "kw-tests-"
#: What the tests of a whole run write at a time, with room.
_LEAST_FREE = 4 * 2**30


def make_memory_folder(where: Path = _MEMORY) -> Path | None:
    """Return a new folder in memory that others may pass through; None where there is too little of it.

    Nor is there one where programs may not be run from it. What earlier runs left there, because something
    failed, is removed.
    """
    try:
        free = shutil.disk_usage(where).free
        runs_programs = not os.statvfs(where).f_flag & os.ST_NOEXEC
    except OSError:
        return None
    if free < _LEAST_FREE or not runs_programs or not os.access(where, os.W_OK | os.X_OK):
        return None
    for left in where.glob(f"{_NAME}*"):
        owner = left.name.removeprefix(_NAME).partition("-")[0]
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_NAME}{os.getpid()}-", dir=where))
    folder.chmod(0o711)  # PostgreSQL runs as a user of its own
    return folder
