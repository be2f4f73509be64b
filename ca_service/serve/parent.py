"""Several workers on shared sockets: a small parent that forks them, replaces the dead and ends them all.

The parent opens no database, reads no key and runs no event loop; a worker is a whole service of its own.
"""

import ctypes
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from msgspec import Struct

_log = logging.getLogger("keywright.serve")

_PR_SET_PDEATHSIG = 1
_LONGEST_PAUSE = 30.0
_SETTLED_SECONDS = 60.0

#: What a worker does: it calls the function it is handed once it answers, and returns its exit status.
Work = Callable[[Callable[[], None]], int]


class _Worker(Struct):
    """One child. `born` is monotonic."""

    number: int
    born: float
    deaths: int


class Parent:
    """Runs `count` workers until it is told to stop."""

    def __init__(self, count: int, work: Work, announce: Callable[[], None]) -> None:
        self._count = count
        self._work = work
        self._announce = announce
        self._workers: dict[int, _Worker] = {}
        self._is_stopping = False
        self._ready, self._tell_ready = os.pipe()
        self._stopped, self._tell_stopped = os.pipe()

    def run(self) -> int:
        """Return the exit status: 0 after a stop, a worker's own if it never got ready."""
        for handled in (signal.SIGTERM, signal.SIGINT):
            signal.signal(handled, self._stop)
        for number in range(self._count):
            self._fork(number, deaths=0)
        status = self._await_first_start()
        if status is None:
            self._announce()
            self._watch()
            status = 0
        self._end_all()
        return status

    def _fork(self, number: int, *, deaths: int) -> None:
        # What is buffered here would be written by the child as well.
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            self._workers[child] = _Worker(number, time.monotonic(), deaths)
            return
        self._live(number)

    def _live(self, number: int) -> NoReturn:
        """Be a worker, from here to the end of the process."""
        status = 1
        try:
            _die_with_parent()
            for handled in (signal.SIGTERM, signal.SIGINT):
                signal.signal(handled, signal.SIG_DFL)
            status = self._work(lambda: _tell(self._tell_ready, number))
        except Exception:  # noqa: BLE001 - the end of a process: logged, and told by its status
            _log.exception("worker %d failed", number)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _await_first_start(self) -> int | None:
        """Return None once every worker answers; the status of the first that ends before that."""
        answering: set[int] = set()
        while len(answering) < self._count and not self._is_stopping:
            readable, _, _ = select.select([self._ready, self._stopped], [], [], 0.05)
            if self._ready in readable:
                answering.update(os.read(self._ready, self._count))
            ended, raw = os.waitpid(-1, os.WNOHANG)
            if ended:
                del self._workers[ended]
                return os.waitstatus_to_exitcode(raw) or 1
        return None if not self._is_stopping else 0

    def _watch(self) -> None:
        """Replace workers that die, ever more slowly if one cannot live."""
        while not self._is_stopping:
            ended, raw = os.waitpid(-1, 0)
            worker = self._workers.pop(ended, None)
            if worker is None or self._is_stopping:
                continue
            has_settled = time.monotonic() - worker.born > _SETTLED_SECONDS
            deaths = 1 if has_settled else worker.deaths + 1
            pause = min(_LONGEST_PAUSE, 0.1 * 2**deaths)
            _log.error(
                "worker %d (process %d) ended unexpectedly with %d; another starts in %.1f s",
                worker.number,
                ended,
                os.waitstatus_to_exitcode(raw),
                pause,
            )
            select.select([self._stopped], [], [], pause)
            if not self._is_stopping:
                self._fork(worker.number, deaths=deaths)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._is_stopping = True
        # Waiting is resumed after a signal (PEP 475), so what waits is woken by something to read.
        _tell(self._tell_stopped, 0)
        for child in list(self._workers):
            os.kill(child, number)

    def _end_all(self) -> None:
        """Wait for every worker; each keeps the stop timeout itself."""
        for child in list(self._workers):
            os.kill(child, signal.SIGTERM)
        while self._workers:
            ended, _ = os.waitpid(-1, 0)
            self._workers.pop(ended, None)


def _tell(pipe: int, number: int) -> None:
    os.write(pipe, bytes([number]))


def _die_with_parent() -> None:
    """Ask the system to stop this worker when the parent is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
