"""One listener: uvicorn's server without its signals, its lifespan and its say in anything else."""

import asyncio
import contextlib
import socket  # noqa: TID251 - listening, not going out
import ssl
from collections.abc import Callable
from email.utils import formatdate
from functools import partial

import uvicorn

from ca_service.serve.acceptor import Acceptor
from ca_service.web.connections import BoundedProtocol, Connections
from ca_service.web.middleware import AsgiApp

_BACKLOG = 2048
_KEEP_ALIVE = 65


class Listener(uvicorn.Server):
    """Answers on one bound socket from `open` to `close`."""

    def __init__(
        self,
        app: AsgiApp,
        bound: socket.socket,
        connections: Connections,
        new_request_id: Callable[[], str],
        *,
        stop_timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        config.load()
        # uvicorn counts whole seconds; a fraction is as good.
        config.timeout_graceful_shutdown = stop_timeout  # type: ignore[assignment]
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)
        self._bound = bound
        self._connections = connections
        self._new_request_id = new_request_id
        self._tls = tls
        # uvicorn's own; the acceptor stands in their place.
        self.servers = []
        self._acceptor: Acceptor | None = None
        self._dating: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Accept connections from now on."""
        protocol = partial(
            BoundedProtocol, self._connections, self._new_request_id, self.config, self.server_state
        )
        self._acceptor = Acceptor(self._bound, protocol, self._tls, backlog=_BACKLOG)
        self.started = True
        self._date()
        self._dating = asyncio.create_task(self._keep_dating())

    async def close(self) -> None:
        """Accept no more, let requests in flight finish within the stop timeout, drop the rest."""
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        await self.shutdown(sockets=[self._bound])
        if self._dating is not None:
            self._dating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._dating

    async def _keep_dating(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._date()

    def _date(self) -> None:
        self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode("ascii"))]
