"""A process that has the command line loaded and forks for each command, which saves most of its start.

What is run is a process of its own, with its arguments, environment, folder, files and exit status; only that
Python starts and imports once. It is for commands that end by themselves; servers start as people start them.
"""

import contextlib
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

_SECONDS = 60
#: What the process says once it has loaded everything.
_READY = "ready"


class PreparedProcess:
    """Runs commands, one at a time, in forks of one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def run(
        self, arguments: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end. Raises TimeoutExpired after a minute."""
        with tempfile.TemporaryDirectory(prefix="kw-command-") as place:
            files = {name: str(Path(place) / name) for name in ("stdin", "stdout", "stderr")}
            Path(files["stdin"]).write_text(stdin)
            order = {"arguments": [*arguments], "env": {**env}, "cwd": str(cwd), **files}
            with self._turn:
                status = self._ask(json.dumps(order), arguments)
            told = [Path(files[name]).read_text() for name in ("stdout", "stderr")]
        return subprocess.CompletedProcess(["keywright", *arguments], status, *told)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for end in (self._process.stdin, self._process.stdout):
                if end is not None:
                    end.close()
            self._process = None

    def _ask(self, order: str, arguments: Sequence[str]) -> int:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order + "\n")
        process.stdin.flush()
        line = _line(process.stdout)
        if not line:
            self.close()
            raise subprocess.TimeoutExpired(["keywright", *arguments], _SECONDS)
        return int(line)

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.prepared_process"],
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self._process.stdout is not None
            assert _line(self._process.stdout).strip() == _READY
        return self._process


def _line(stream: IO[str]) -> str:
    is_readable, _, _ = select.select([stream], [], [], _SECONDS)
    return stream.readline() if is_readable else ""


def _serve() -> None:
    """Load what commands use, then run one for each line of standard input."""
    from ca_service.cli.commands import command_tree

    for module in ("ca_service.composition", "ca_service.serve.preparation", "migrations.run"):
        importlib.import_module(module)
    command_tree()
    orders, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    answers.write(_READY + "\n")
    answers.flush()
    for line in orders:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _become(order: dict[str, Any]) -> NoReturn:
    """Run one command as the process that it asks for, and end without what this one would do at its end."""
    from ca_service.cli.main import main

    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    opened = [os.open(order["stdin"], os.O_RDONLY)]
    opened += [os.open(order[name], flags, 0o600) for name in ("stdout", "stderr")]
    for number, descriptor in enumerate(opened):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    sys.argv = ["keywright", *order["arguments"]]
    status = 1
    try:
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve()
