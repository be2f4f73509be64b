"""The service of one process: first start, background work, and putting everything away in order."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

from ca_service.composition import NO_RECOVERY, Graph, World, compose
from ca_service.config import Config
from ca_service.custody.recovery import has_recovery
from ca_service.database.exclusive import exclusively
from ca_service.database.promises import broken_promises
from ca_service.identity.bootstrap import instance_administrator
from ca_service.kernel.errors import KeywrightError
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.storage import read_generation
from ca_service.serve.data_directory import ADMIN_TOKEN, ROOT_CERTIFICATE, write_file
from ca_service.serve.tls import ListenerCertificate
from ca_service.web.access_log import AccessLog
from ca_service.web.app import create_app
from ca_service.web.client_address import ClientAddresses
from ca_service.web.health import Readiness
from ca_service.web.hosts import OwnHosts
from ca_service.web.metrics_listener import MetricsListener
from ca_service.web.middleware import AsgiApp, Surroundings
from ca_service.x509.artefacts import Artefacts
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.issuers import PublicAddresses
from ca_service.x509.listener import issue_listener_certificate
from ca_service.x509.publication import Publisher

_log = logging.getLogger("keywright.serve")

_PROJECT = "default"
_FLUSH_SECONDS = 60.0
_RETRY_SECONDS = 300.0


class RunningService:
    """One process's service over its graph."""

    def __init__(self, config: Config, graph: Graph, hosts: tuple[str, ...]) -> None:
        self._config = config
        self._graph = graph
        self._background: list[asyncio.Task[None]] = []
        self._renew_at: datetime | None = None
        self.readiness = Readiness(self._verify_database)
        routes = [route for part in graph.contributions for route in part.routes]
        self.app: AsgiApp = create_app(routes, readiness=self.readiness, version=release())
        self.metrics_app: AsgiApp = MetricsListener(graph.metrics)
        self.surroundings = Surroundings(
            doors=graph.doors,
            addresses=ClientAddresses(config.server.trusted_proxies),
            hosts=OwnHosts(hosts),
            metrics=graph.metrics,
            identifiers=graph.foundation.identifiers,
            clock=graph.foundation.clock,
            access_log=AccessLog(config.log.format, config.log.level),
        )

    async def start_first(self) -> None:
        """Make what must exist, unless it does; processes that start together do it one after another."""
        administrator = instance_administrator()
        async with exclusively(self._config.database_url):
            for contribution in self._graph.contributions:
                if contribution.first_start is not None:
                    await contribution.first_start(administrator)
            await self._graph.access.bootstrap.make_once(self._write_admin_token)
            roots = (await self._artefacts().roots()).body
            write_file(self._config.data_path / ROOT_CERTIFICATE, roots, 0o644)

    async def replace_admin_token(self) -> None:
        """Write another administrator's token, which ends those before it."""
        await self._graph.access.bootstrap.rotate(self._write_admin_token)

    async def disable_admin_token(self) -> int:
        """End the administrator's token for good, remove its file, and return how many there were."""
        ended = await self._graph.access.bootstrap.disable()
        (self._config.data_path / ADMIN_TOKEN).unlink(missing_ok=True)
        return ended

    async def listener_certificate(self) -> ListenerCertificate:
        """Issue a certificate for this process's TLS listener."""
        ground = self._graph.foundation
        issued = await issue_listener_certificate(
            database=ground.database,
            custody=ground.custody,
            audit=ground.audit,
            identifiers=ground.identifiers,
            randomness=ground.randomness,
            tenant=await self._graph.access.tenants.project(_PROJECT),
            public_url=self._graph.doors.public_url,
            plain_public_url=self._graph.doors.plain_public_url,
        )
        self._renew_at = issued.renew_at
        return ListenerCertificate(issued.chain_pem, issued.private_key)

    async def start(self, swap: Callable[[ListenerCertificate], None]) -> None:
        """Begin background work; `swap` is handed the listener's certificate whenever it was renewed."""
        self._graph.jobs.start()
        self._graph.timers.start()
        self._background = [
            asyncio.create_task(self._keep_certificate(swap), name="listener-certificate"),
            asyncio.create_task(self._keep_flushing(), name="flush"),
        ]
        if not await has_recovery(self._graph.foundation.database):
            _log.warning(NO_RECOVERY)
        for sentence in await broken_promises(self._graph.foundation.database):
            _log.warning(sentence)

    async def close(self) -> None:
        """Stop background work, write down what was only counted, close the database."""
        ground = self._graph.foundation
        grace = timedelta(seconds=self._config.server.stop_timeout)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._background:
            await self._graph.jobs.stop(grace)
            await self._graph.timers.stop(grace)
        with contextlib.suppress(KeywrightError):
            await self._flush()
            await ground.audit.sequence()
        await ground.database.close()
        self.surroundings.access_log.flush()

    async def _verify_database(self) -> None:
        await read_generation(self._graph.foundation.database)

    def _write_admin_token(self, token: SecretValue[str]) -> None:
        write_file(self._config.data_path / ADMIN_TOKEN, f"{token.reveal()}\n".encode(), 0o600)

    def _artefacts(self) -> Artefacts:
        ground, access = self._graph.foundation, self._graph.access
        catalogue = Catalogue(
            ground.database, ground.custody, PublicAddresses(self._graph.doors.plain_public_url)
        )
        publisher = Publisher(access.gate, ground.database, ground.identifiers)
        return Artefacts(catalogue, ground.database, publisher)

    async def _keep_certificate(self, swap: Callable[[ListenerCertificate], None]) -> None:
        while True:
            assert self._renew_at is not None, "a certificate is issued before this starts"
            left = (self._renew_at - self._graph.foundation.database.now()).total_seconds()
            # Never one long sleep: the wall clock may be set.
            await asyncio.sleep(min(max(left, 0.0), 3600.0))
            if left > 0:
                continue
            try:
                swap(await self.listener_certificate())
                _log.info("the listener's certificate was renewed")
            except KeywrightError as error:
                _log.error("the listener's certificate was not renewed: %s", error.detail)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self._flush()
            except KeywrightError as error:
                _log.warning("counted refusals are not in the trail yet (%s)", error.slug)

    async def _flush(self) -> None:
        await self._graph.doors.refusals.flush()
        await self._graph.foundation.audit.flush_denials()


def release() -> str:
    """Return the version of the installed package."""
    try:
        return version("keywright")
    except PackageNotFoundError:
        return "0"


async def open_service(config: Config, world: World, hosts: tuple[str, ...]) -> RunningService:
    """Return the service with everything that the first start makes, not yet serving."""
    graph = await compose(config, world, version=release())
    service = RunningService(config, graph, hosts)
    try:
        await service.start_first()
    except BaseException:
        await service.close()
        raise
    return service
