"""The whole service in process, on either engine; only the world outside and the queue are fakes."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from ca_service.audit.trail import AuditTrail
from ca_service.composition import MODULES, Foundation, World, build_access, build_modules
from ca_service.config import Config
from ca_service.database.port import Database
from ca_service.gate.operation import Operation
from ca_service.gate.port import RequestContext
from ca_service.identity.bootstrap import instance_administrator
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.storage import MAC_PURPOSE
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.acme import FakeQueue, FakeWorld
from tests.support.fakes.custody import custody_for
from tests.support.fakes.gate import untyped
from tests.support.fakes.kernel import FakeClock
from tests.support.faults import watched
from tests.support.modules import MODULES_WITHOUT_TARGETS
from tests.support.web import InProcess

A = TypeVar("A")
REQUEST = RequestContext("req_site")


class AcmeSite(AcmeStack):
    """An `AcmeStack` without its fakes, but for the world outside and the queue.

    `is_first` does what first start does; without it this is another worker over the same database.
    """

    def __init__(
        self, runner: asyncio.Runner, database: Database, clock: FakeClock, *, is_first: bool = True
    ) -> None:
        self.runner, self.database, self.clock = runner, database, clock
        self.world, self.queue = FakeWorld(), FakeQueue()
        foundation = _foundation(database, clock, self.world, self.queue)
        access = build_access(foundation)
        self.gate = access.gate
        contributions = build_modules(
            foundation, access, World(URL, "http://ca.example"), MODULES_WITHOUT_TARGETS
        )
        #: The registry, each handler behind a wrapper whose acts a test may watch.
        self.handlers = watched({op: each for part in contributions for op, each in part.handlers.items()})
        self.gate.register(self.handlers)
        self.contribution = contributions[-1]
        self.app = InProcess(
            [route for part in contributions for route in part.routes], gate=untyped(self.gate)
        )
        self.administrator = instance_administrator(address="192.0.2.1")
        if is_first:
            for part in contributions:
                if part.first_start is not None:
                    runner.run(_await(part.first_start(self.administrator)))

    def perform(self, operation: Operation[A]) -> A:
        """Perform an operation as the administrator of the instance."""
        return self.runner.run(self.gate.perform(self.administrator, operation, REQUEST)).answer


async def _await(work: Awaitable[None]) -> None:
    await work


def _foundation(database: Database, clock: FakeClock, world: FakeWorld, queue: FakeQueue) -> Foundation:
    randomness = SystemRandomness()
    identifiers = RandomIdentifiers(clock, randomness)
    custody = custody_for(database, identifiers=identifiers)
    schema = join_schema([module.schema for module in MODULES])
    built_ins: list[Any] = [policy for module in MODULES for policy in module.policies]
    return Foundation(
        config=Config(),
        clock=clock,
        randomness=randomness,
        identifiers=identifiers,
        database=database,
        custody=custody,
        audit=AuditTrail(database, custody, clock, identifiers),
        policy=PolicyEngine(database, schema, built_ins, custody.mac_key(MAC_PURPOSE), identifiers),
        egress=untyped(world),
        queue=untyped(queue),
    )
