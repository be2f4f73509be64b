"""A server of a client's (Caddy, Apache, ualpn) as a scratch process, watched by what it says."""

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_STOP_SECONDS = 20.0


class Daemon:
    """A running process; `said` is all that it has written so far, on both outputs."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.said = ""

    def wait_for(self, *texts: str, seconds: float = 30.0) -> None:
        """Read on until each of the texts was said; fail with what was said instead."""
        deadline = time.monotonic() + seconds
        assert self._process.stdout is not None
        while not all(text in self.said for text in texts):
            left = deadline - time.monotonic()
            is_readable, _, _ = select.select([self._process.stdout], [], [], max(left, 0))
            chunk = os.read(self._process.stdout.fileno(), 65_536) if is_readable else b""
            assert chunk, f"it did not say {texts}:\n{self.said}"
            self.said += chunk.decode(errors="replace")


@contextlib.contextmanager
def running_daemon(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[Daemon]:
    """Start a process that stays in the foreground, and end it by its id."""
    process = subprocess.Popen(
        [*command],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Daemon(process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
