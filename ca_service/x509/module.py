"""Everything the certificate authority contributes to the service."""

from collections.abc import Sequence

from ca_service.gate.caller import Caller
from ca_service.identity.bootstrap import BootstrapToken, instance_administrator
from ca_service.web.instance.operations import Notice
from ca_service.web.module import Contribution, Ground, Module
from ca_service.x509.assembly import assemble
from ca_service.x509.expiring import expiring_notices
from ca_service.x509.first_start import found_authorities
from ca_service.x509.http import PROJECT_ROUTES, public_routes
from ca_service.x509.jobs import timers
from ca_service.x509.life_assembly import Surroundings
from ca_service.x509.policies import POLICIES, SCHEMA


def build(ground: Ground) -> Contribution:
    """Build the handlers, routes and timers over the ground."""
    bootstrap = BootstrapToken(
        ground.database,
        ground.custody,
        ground.audit,
        ground.policy,
        ground.identifiers,
        ground.randomness,
    )

    async def administrator() -> Caller | None:
        is_alive = await bootstrap.is_alive()
        return instance_administrator(authenticated_by="job") if is_alive else None

    assembly = assemble(
        database=ground.database,
        custody=ground.custody,
        gate=ground.gate,
        identifiers=ground.identifiers,
        randomness=ground.randomness,
        plain_public_url=ground.plain_public_url,
        surroundings=Surroundings(
            queue=ground.queue,
            notifier=ground.egress.notifier(),
            sponsors=ground.sponsors,
            administrator=administrator,
        ),
    )

    async def first_start(caller: Caller) -> None:
        await found_authorities(ground.gate, ground.identifiers, caller)

    async def status() -> Sequence[Notice]:
        return await expiring_notices(ground.database)

    return Contribution(
        handlers=assembly.handlers,
        routes=[*PROJECT_ROUTES, *public_routes(assembly.artefacts, assembly.responder)],
        timers=(*timers(assembly.publisher, assembly.rotation), *assembly.life.timers),
        job_handlers=assembly.life.job_handlers,
        first_start=first_start,
        status=status,
    )


MODULE = Module(name="x509", schema=SCHEMA, policies=POLICIES, build=build)
