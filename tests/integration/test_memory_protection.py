"""Keys in memory (S22): no core dump, and no other process of the same user reads this one's memory."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PROTECTED = "from ca_service.custody.memory import protect_memory; protect_memory()"
_WAIT = "print('ready', flush=True); input()"
_READ = "import sys; open(sys.argv[1], 'rb').close()"


def as_a_plain_user(*command: str) -> list[str]:
    """Return the command, for root without the capabilities that open every process."""
    status = Path("/proc/self/status").read_text()
    capabilities = next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1]
    if not int(capabilities, 16):
        return list(command)
    setpriv = shutil.which("setpriv")
    assert setpriv is not None, "setpriv (util-linux) is missing"
    return [setpriv, "--bounding-set", "-all", "--inh-caps", "-all", *command]


@contextmanager
def process(code: str) -> Iterator[int]:
    """A process that ran `code` and now waits."""
    command = as_a_plain_user(sys.executable, "-c", f"{code}\n{_WAIT}")
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield child.pid


def may_read(pid: int, name: str) -> bool:
    reader = as_a_plain_user(sys.executable, "-c", _READ, f"/proc/{pid}/{name}")
    return subprocess.run(reader, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", ["environ", "mem", "maps"])
def test_another_process_of_the_same_user_cannot_look_in(name: str) -> None:
    with process(_PROTECTED) as pid:
        assert not may_read(pid, name)


def test_it_could_look_in_without_protection() -> None:
    with process("") as pid:
        assert may_read(pid, "environ")


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    code = (
        "import os, resource, signal\n"
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
        f"{_PROTECTED}\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], environment)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
    assert list(tmp_path.iterdir()) == []
