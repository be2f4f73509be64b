"""Takes connections off a listening socket that several workers share."""

import asyncio
import errno
import logging
import socket  # noqa: TID251 - listening, not going out
import ssl
from collections.abc import Callable

_log = logging.getLogger("keywright.serve")

_HANDSHAKE_SECONDS = 10.0
#: How long to wait for others to close something when there is no descriptor or memory left.
_PAUSE_SECONDS = 1.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Accepts one connection a turn of the event loop, from construction to `close`.

    The loop's own server takes all that wait at once: of a burst of clients that keep their connections, one
    worker got nearly all (measured: 32 of 32) and the others idled. Taken one by one they go to whoever is
    idle. `bound` is a bound socket that does not block.
    """

    def __init__(
        self,
        bound: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        *,
        backlog: int,
    ) -> None:
        self._bound = bound
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        bound.setblocking(False)
        bound.listen(backlog)
        self._loop.add_reader(bound, self._accept)

    @property
    def is_opening(self) -> bool:
        """Whether a connection's handshake is under way."""
        return bool(self._opening)

    def close(self) -> None:
        """Accept no more, and give up connections whose handshake has not ended."""
        self._loop.remove_reader(self._bound)
        if self._pause is not None:
            self._pause.cancel()
        for task in self._opening:
            task.cancel()

    async def wait_closed(self) -> None:
        """Return once nothing of it runs any more."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._bound.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # Another worker was first, or the client has gone.
            return
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            _log.error("no more connections can be accepted for now: %s", error.strerror)
            self._loop.remove_reader(self._bound)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._resume)
            return
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._bound, self._accept)

    async def _open(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                self._protocol,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS if self._tls else None,
            )
        except OSError:
            # A handshake that fails, is cut or takes too long is the client's; TLS told it what is wrong.
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise
