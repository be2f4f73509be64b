"""Builds the object graph from a configuration: one function for each layer, from the database upwards.

Everything that is made here is handed in, so this is the one page on which to see what depends on what.
Nothing runs yet: `serve` starts what runs and stops it again.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from acme.module import MODULE as ACME
from ca_service.audit.trail import AuditTrail
from ca_service.config import Config
from ca_service.custody.custody import Custody, open_custody
from ca_service.custody.recovery import has_recovery
from ca_service.database.open import open_database
from ca_service.database.port import Database
from ca_service.database.promises import broken_promises
from ca_service.egress.egress import Egress
from ca_service.gate.gate import Gatekeeper
from ca_service.gate.idempotency import sweep_idempotency_keys
from ca_service.gate.port import Tenants
from ca_service.governance.module import MODULE as GOVERNANCE
from ca_service.governance.tenants import StoredRoles, StoredTenants
from ca_service.identity.authenticator import IdentityAuthenticator
from ca_service.identity.bootstrap import BootstrapToken
from ca_service.identity.module import MODULE as IDENTITY
from ca_service.kernel.clock import Clock, SystemClock
from ca_service.kernel.identifiers import Identifiers, RandomIdentifiers
from ca_service.kernel.randomness import Randomness, SystemRandomness
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.storage import MAC_PURPOSE
from ca_service.queue.queue import Queue
from ca_service.queue.runner import JobRunner
from ca_service.queue.timers import TimerRunner
from ca_service.web.exchange import Doors
from ca_service.web.hosts import host_of_url
from ca_service.web.instance.handlers import MetricsReader, StatusReader
from ca_service.web.instance.http import ROUTES as INSTANCE_ROUTES
from ca_service.web.instance.module import SCHEMA as INSTANCE_SCHEMA
from ca_service.web.instance.operations import Notice, ReadMetrics, ReadStatus
from ca_service.web.metrics import Metrics
from ca_service.web.module import Contribution, Ground, Module, Timer
from ca_service.web.rate_limits import RateLimiter, rates_of
from ca_service.web.refusals import Refusals
from ca_service.x509.module import MODULE as X509
from secrets_core.dynamic.module import MODULE as DYNAMIC
from secrets_core.kms.module import MODULE as KMS
from secrets_core.vault.module import MODULE as VAULT
from ssh_ca.module import MODULE as SSH

#: In the order of their first start: each finds what those before it made.
MODULES: tuple[Module, ...] = (GOVERNANCE, IDENTITY, X509, SSH, VAULT, KMS, DYNAMIC, ACME)

_log = logging.getLogger(__name__)
_EVERY_MINUTE = timedelta(minutes=1)


class World(Struct, frozen=True):
    """How the world reaches this process: its public URLs, and its listeners as (address, port)."""

    public_url: str
    plain_public_url: str
    listeners: tuple[tuple[str, int], ...] = ()


class Foundation(Struct, frozen=True):
    """What stands below the gate."""

    config: Config
    clock: Clock
    randomness: Randomness
    identifiers: Identifiers
    database: Database
    custody: Custody
    audit: AuditTrail
    policy: PolicyEngine
    egress: Egress
    queue: Queue


class Access(Struct, frozen=True):
    """The gate, and what looks upward from it: who is calling, and where."""

    gate: Gatekeeper
    tenants: Tenants
    authenticator: IdentityAuthenticator
    bootstrap: BootstrapToken


class Graph(Struct, frozen=True):
    """Everything together, built and not started."""

    foundation: Foundation
    access: Access
    contributions: tuple[Contribution, ...]
    doors: Doors
    metrics: Metrics
    jobs: JobRunner
    timers: TimerRunner


async def compose(config: Config, world: World, *, version: str) -> Graph:
    """Return the graph over an open database whose schema is up to date."""
    foundation = await open_foundation(config, world)
    access = build_access(foundation)
    contributions = build_modules(foundation, access, world)
    metrics = Metrics(version)
    database, gate = foundation.database, access.gate
    metrics.add_total(
        "keywright_operations", "Operations that callers asked for", lambda: gate.operations_asked
    )
    metrics.add_total(
        "keywright_database_waits", "How often somebody waited for the database", lambda: database.waits
    )
    contributions = (*contributions, instance_contribution(foundation, contributions, metrics, version))
    for contribution in contributions:
        access.gate.register(contribution.handlers)
    return Graph(
        foundation=foundation,
        access=access,
        contributions=contributions,
        doors=build_doors(foundation, access, world),
        metrics=metrics,
        jobs=build_jobs(foundation, contributions),
        timers=build_timers(foundation, contributions),
    )


async def open_foundation(config: Config, world: World) -> Foundation:
    """Open the database and build what stands below the gate; the hosts of our URLs are reserved (S11)."""
    clock, randomness = SystemClock(), SystemRandomness()
    identifiers = RandomIdentifiers(clock, randomness)
    database = await open_database(config.database_url, clock, connections=config.database.connections)
    try:
        custody = await open_custody(config, database, identifiers, randomness)
    except BaseException:
        await database.close()
        raise
    return Foundation(
        config=config,
        clock=clock,
        randomness=randomness,
        identifiers=identifiers,
        database=database,
        custody=custody,
        audit=AuditTrail(database, custody, clock, identifiers, batch_entries=config.audit.batch_entries),
        policy=PolicyEngine(
            database,
            join_schema([*(module.schema for module in MODULES), INSTANCE_SCHEMA]),
            [policy for module in MODULES for policy in module.policies],
            custody.mac_key(MAC_PURPOSE),
            identifiers,
            reserved_names=sorted({host_of_url(world.public_url), host_of_url(world.plain_public_url)}),
        ),
        egress=Egress(
            config.acme.validation,
            clock,
            randomness,
            lambda: world.listeners,
            notify=config.notify,
            target=config.target,
            database_url=config.database_url,
        ),
        queue=Queue(identifiers),
    )


def build_access(foundation: Foundation) -> Access:
    """Build the gate with an empty registry."""
    database, custody, policy = foundation.database, foundation.custody, foundation.policy
    tenants = StoredTenants(database, policy)
    authenticator = IdentityAuthenticator(database, custody, policy, StoredRoles(database, custody))
    gate = Gatekeeper(
        {},
        database,
        policy,
        foundation.audit,
        custody,
        tenants,
        None,
        foundation.clock,
        foundation.identifiers,
        callers=authenticator,
    )
    bootstrap = BootstrapToken(
        database, custody, foundation.audit, policy, foundation.identifiers, foundation.randomness
    )
    return Access(gate=gate, tenants=tenants, authenticator=authenticator, bootstrap=bootstrap)


def build_modules(
    foundation: Foundation, access: Access, world: World, modules: Sequence[Module] = MODULES
) -> tuple[Contribution, ...]:
    """Build every module on the same ground."""
    ground = Ground(
        config=foundation.config,
        clock=foundation.clock,
        identifiers=foundation.identifiers,
        randomness=foundation.randomness,
        database=foundation.database,
        custody=foundation.custody,
        egress=foundation.egress,
        queue=foundation.queue,
        policy=foundation.policy,
        audit=foundation.audit,
        gate=access.gate,
        sponsors=access.authenticator,
        public_url=world.public_url,
        plain_public_url=world.plain_public_url,
    )
    return tuple(module.build(ground) for module in modules)


def instance_contribution(
    foundation: Foundation, contributions: Sequence[Contribution], metrics: Metrics, version: str
) -> Contribution:
    """Build what belongs to no module: the state of the instance, and the housekeeping of the ground."""
    database, audit = foundation.database, foundation.audit

    async def recovery() -> Sequence[Notice]:
        return () if await has_recovery(database) else (Notice("open", NO_RECOVERY),)

    async def promises() -> Sequence[Notice]:
        return [Notice("promise", sentence) for sentence in await broken_promises(database)]

    async def clock() -> Sequence[Notice]:
        doubt = database.expiry_doubt()
        return () if doubt is None else (Notice("promise", doubt),)

    async def key_stores() -> Sequence[Notice]:
        return [Notice("promise", sentence) for sentence in await foundation.custody.key_store_troubles()]

    async def sequence() -> None:
        await audit.sequence()

    async def sweep_keys() -> None:
        await sweep_idempotency_keys(database)

    sources = [
        recovery,
        promises,
        clock,
        key_stores,
        *(part.status for part in contributions if part.status is not None),
    ]
    return Contribution(
        handlers={
            ReadStatus: StatusReader(version, database.dialect, sources),
            ReadMetrics: MetricsReader(metrics),
        },
        routes=INSTANCE_ROUTES,
        timers=(
            Timer("audit-sequence", timedelta(seconds=foundation.config.audit.batch_seconds), sequence),
            Timer("idempotency-keys", _EVERY_MINUTE, sweep_keys, expires=True),
        ),
    )


NO_RECOVERY = (
    "there is no recovery code: if the root key is lost, everything is; make one with "
    "`keywright recovery create`"
)


def build_doors(foundation: Foundation, access: Access, world: World) -> Doors:
    """Build what every HTTP door shares."""
    return Doors(
        gate=access.gate,
        authenticator=access.authenticator,
        limiter=RateLimiter(foundation.clock, rates_of(foundation.config.acme.limits)),
        refusals=Refusals(foundation.audit, foundation.identifiers, foundation.clock),
        public_url=world.public_url,
        plain_public_url=world.plain_public_url,
    )


def unless_time_is_in_doubt(timer: Timer, database: Database) -> Timer:
    """Return housekeeping that does nothing while the clock may have ended what is still wanted (S23)."""

    async def run() -> None:
        doubt = database.expiry_doubt()
        if doubt is None:
            await timer.run()
        else:
            _log.warning("%s waits: %s", timer.name, doubt)

    return Timer(timer.name, timer.every, run)


def build_jobs(foundation: Foundation, contributions: Sequence[Contribution]) -> JobRunner:
    """Build the runner of queued jobs. Raises ValueError if two modules handle one kind."""
    handlers = {}
    for contribution in contributions:
        for kind, handler in contribution.job_handlers.items():
            if kind in handlers:
                raise ValueError(f"jobs of kind {kind} have two handlers")
            handlers[kind] = handler
    return JobRunner(
        foundation.database, foundation.queue, handlers, foundation.identifiers, foundation.randomness
    )


def build_timers(foundation: Foundation, contributions: Sequence[Contribution]) -> TimerRunner:
    """Build the runner of housekeeping."""
    database = foundation.database
    timers = [
        unless_time_is_in_doubt(timer, database) if timer.expires else timer
        for contribution in contributions
        for timer in contribution.timers
    ]
    return TimerRunner(foundation.database, timers, foundation.clock, foundation.identifiers)
