"""One process that serves: opens everything, answers on both listeners, and puts everything away in order."""

import asyncio
import gc
import logging
import signal
import socket  # noqa: TID251 - listening, not going out
import ssl
from collections.abc import Callable

from msgspec import Struct

from ca_service.composition import World
from ca_service.config import Config
from ca_service.serve.listener import Listener
from ca_service.serve.service import RunningService, open_service
from ca_service.serve.tls import make_context, swap_certificate
from ca_service.web.connections import Bounds, Connections
from ca_service.web.middleware import AsgiApp, Front
from ca_service.web.plain import PlainListener

_log = logging.getLogger("keywright.serve")


class Endpoints(Struct, frozen=True):
    """The sockets, bound before any fork, and how the world reaches them.

    The first socket is for TLS, the second for plain HTTP; a third is for measurements alone.
    """

    sockets: tuple[socket.socket, ...]
    world: World
    hosts: tuple[str, ...]


async def run_worker(config: Config, endpoints: Endpoints, announce: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is called once both listeners answer."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = await open_service(config, endpoints.world, endpoints.hosts)
    try:
        context = make_context(await service.listener_certificate())
        listeners = _listeners(config, endpoints, service, context)
        await service.start(lambda certificate: swap_certificate(context, certificate))
        for listener in listeners:
            await listener.open()
        service.readiness.open()
        announce()
        _settle_memory()
        await stop.wait()
        _log.info("stopping: requests in flight finish within %g s", config.server.stop_timeout)
        service.readiness.close()
        await asyncio.gather(*(listener.close() for listener in listeners))
    finally:
        await service.close()


def _settle_memory() -> None:
    """Look for garbage only among what is made from now on."""
    gc.collect()
    gc.freeze()
    # Few cycles are made, so looking for them after every 700 new objects would be a cost without a use.
    gc.set_threshold(20_000, 20, 20)


def _listeners(
    config: Config, endpoints: Endpoints, service: RunningService, context: ssl.SSLContext
) -> list[Listener]:
    def listener(app: AsgiApp, bound: socket.socket, tls: ssl.SSLContext | None) -> Listener:
        return Listener(
            Front(app, service.surroundings),
            bound,
            Connections(Bounds(), service.surroundings.addresses.is_trusted),
            lambda: service.surroundings.identifiers.new("req"),
            stop_timeout=config.server.stop_timeout,
            tls=tls,
        )

    apps: tuple[AsgiApp, ...] = (service.app, PlainListener(service.app), service.metrics_app)
    contexts: tuple[ssl.SSLContext | None, ...] = (context, None, None)
    # There may be two sockets only.
    return [listener(*each) for each in zip(apps, endpoints.sockets, contexts, strict=False)]
