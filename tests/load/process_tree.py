"""What a process and its children have used, read from /proc."""

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """Return the process and everything below it that is alive."""
    found = [pid]
    for parent in found:
        tasks = Path(f"/proc/{parent}/task")
        try:
            for task in tasks.iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process tree so far, in seconds."""
    return sum(_cpu_of(one) for one in descendants(pid))


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process tree, in MiB; shared pages count once for each process."""
    return (
        sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE for one in descendants(pid))
        / 2**20
    )


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    # With what its children used that have ended and are no longer found.
    return sum(map(int, fields[11:15])) / _TICK
