"""Threads for work that would stop the event loop: slow signatures, key generation, tokens."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Condition, Thread
from typing import ParamSpec, TypeVar

from ca_service.kernel.errors import UnavailableError

_MOST_WAITING = 256
_PATIENCE_SECONDS = 30.0
#: How long a thread without work waits for more.
_IDLE_SECONDS = 10.0

P = ParamSpec("P")
T = TypeVar("T")


class SigningThreads:
    """Runs work in a few threads of its own, for so many askers and no more.

    Who asks beyond `most_waiting` or waits longer than `patience` seconds gets UnavailableError; `what` names
    the work in it. Work that was begun is never interrupted and keeps its place until it ends, though nobody
    waits any more: what it makes is dropped. A process that ends does not wait for it, so that a token that
    hangs keeps nobody from stopping.
    """

    def __init__(
        self,
        what: str,
        *,
        at_once: int,
        most_waiting: int = _MOST_WAITING,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._what = what
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._patience = patience
        self._changed = Condition()
        self._work: deque[Callable[[], None]] = deque()
        self._unfinished = 0
        self._threads = 0
        self._idle = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `work` returns. Raises UnavailableError, and whatever `work` raises."""
        begun: Future[T] = Future()
        self._hand_over(partial(self._do, begun, partial(work, *args, **kwargs)))
        limit = asyncio.timeout(self._patience)
        try:
            async with limit:
                return await asyncio.wrap_future(begun)
        except TimeoutError as error:
            if not limit.expired():
                raise  # the work's own
            raise UnavailableError(f"Waiting for {self._what} took too long; try again later.") from error

    def _hand_over(self, task: Callable[[], None]) -> None:
        with self._changed:
            if self._unfinished >= self._most_waiting:
                raise UnavailableError(f"Too much waits for {self._what}; try again in a few seconds.")
            self._unfinished += 1
            self._work.append(task)
            if self._idle < len(self._work) and self._threads < self._at_once:
                self._threads += 1
                Thread(target=self._live, name="custody", daemon=True).start()
            else:
                self._changed.notify()

    def _live(self) -> None:
        """Be one of the threads, until there is nothing to do."""
        while (task := self._next()) is not None:
            task()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._work, _IDLE_SECONDS)
            self._idle -= 1
            if self._work:
                return self._work.popleft()
            self._threads -= 1
            return None

    def _do(self, begun: Future[T], work: Callable[[], T]) -> None:
        if not begun.set_running_or_notify_cancel():
            return self._leave()
        try:
            made = work()
        except BaseException as error:  # noqa: BLE001 - it is whose who waits
            self._leave()
            begun.set_exception(error)
        else:
            self._leave()
            begun.set_result(made)

    def _leave(self) -> None:
        with self._changed:
            self._unfinished -= 1
