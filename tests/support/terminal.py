"""A command on a terminal of its own, for what is shown and asked on terminals alone."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_SECONDS = 90.0


class Terminal:
    """Runs one command on a pseudo-terminal; everything it showed is in `shown`."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self.shown = ""
        self._typed_at = 0
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(env), cwd=cwd, start_new_session=True
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def read_until(self, ending: str) -> str:
        """Read until what was shown since the last typed line ends so; return everything shown."""
        deadline = time.monotonic() + _SECONDS
        while not self.shown[self._typed_at :].endswith(ending):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"the terminal never showed {ending!r}: {self.shown!r}")
        return self.shown

    def type(self, line: str) -> None:
        """Type one line."""
        self._typed_at = len(self.shown)
        os.write(self._master, line.encode() + b"\n")

    def end(self) -> int:
        """Read the rest and return the exit status."""
        deadline = time.monotonic() + _SECONDS
        while self._read(deadline - time.monotonic()):
            pass
        return self._process.wait(_SECONDS)

    def _read(self, seconds: float) -> bool:
        is_readable, _, _ = select.select([self._master], [], [], max(0.0, seconds))
        try:
            chunk = os.read(self._master, 4096) if is_readable else b""
        except OSError:
            # Linux tells the end of a terminal so (EIO).
            chunk = b""
        self.shown += chunk.decode(errors="replace")
        return bool(chunk)
