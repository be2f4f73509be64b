"""Operations that exist only to try the gate: one of each shape, and a gate over fakes to perform them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from msgspec import Struct
from sqlalchemy import Column, MetaData, Table, Text, bindparam, insert

from ca_service.database.port import Transaction
from ca_service.database.statement import statement
from ca_service.gate.gate import Callers, Gatekeeper
from ca_service.gate.handler import Call, ExternalHandler, Handler, Prepared, Reader
from ca_service.gate.operation import Operation, OrganizationOperation, ProjectOperation
from ca_service.gate.performance import AnyHandler
from ca_service.gate.port import Approvals, Child, RequestContext
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Access, Entity, Grant, Resource
from tests.support.fakes.gate import (
    FakeCustody,
    FakeDatabase,
    FakePolicy,
    FakeTenants,
    FakeTrail,
    untyped,
)
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers

_THINGS = Table("sample_things", MetaData(), Column("id", Text, primary_key=True))
INSERT_THING = statement(insert(_THINGS).values(id=bindparam("id")))
REQUEST = RequestContext("req_1")


class Thing(Struct, frozen=True):
    """What the samples make."""

    id: str
    secret: SecretValue[str]
    lifetime: timedelta


class MakeThing(ProjectOperation[Thing], frozen=True, kw_only=True):
    """Make one thing."""

    action: ClassVar[str] = "sample:make"
    idempotent: ClassVar[bool] = True
    for_sponsor: ClassVar[bool] = True
    name: str
    ttl: timedelta | None = None
    secret: SecretValue[str] = SecretValue("s3cret")


class ReadThing(ProjectOperation[str], frozen=True, kw_only=True):
    """Read one thing."""

    action: ClassVar[str] = "sample:read"
    reads: ClassVar[bool] = True
    name: str


class RevealThing(ProjectOperation[str], frozen=True, kw_only=True):
    """Read the secret of one thing."""

    action: ClassVar[str] = "sample:reveal"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True
    name: str


class MakePair(ProjectOperation[tuple[Thing, Thing]], frozen=True, kw_only=True):
    """Make a thing as the child of another."""

    action: ClassVar[str] = "sample:pair"
    first: str
    second: str


class ReachOut(ProjectOperation[str], frozen=True, kw_only=True):
    """Change the world outside."""

    action: ClassVar[str] = "sample:reach"
    name: str


class RenameOrganization(OrganizationOperation[str], frozen=True, kw_only=True):
    """An operation on an organization."""

    action: ClassVar[str] = "sample:rename"


class Reset(Operation[str], frozen=True, kw_only=True):
    """An operation on the instance."""

    action: ClassVar[str] = "sample:reset"


def access_to(call: Call, action: str, name: str, ttl: timedelta | None = None) -> Access:
    """Return the question about a thing."""
    resource = Resource(Entity("Thing", name), "thing", call.tenant)
    return Access(action, resource, "sample:see", {"name": name}, ttl, "name")


class MakeThingHandler(Handler[MakeThing, Thing, Thing, Thing]):
    """Makes things of `lifetime`, or of what was asked for."""

    def __init__(self, log: list[str], lifetime: timedelta = timedelta(hours=1)) -> None:
        self.log = log
        self.lifetime = lifetime
        self.questions = 1

    async def prepare(self, call: Call, operation: MakeThing) -> Prepared[Thing]:
        self.log.append("prepare")
        thing = Thing(operation.name, SecretValue(f"key of {call.id}"), operation.ttl or self.lifetime)
        access = access_to(call, "sample:make", operation.name, operation.ttl)
        return Prepared(thing, (access,) * self.questions, {"name": operation.name})

    async def sign(self, call: Call, draft: Thing, grant: Grant) -> Thing:
        self.log.append("sign")
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Thing) -> Thing:
        self.log.append("record")
        await transaction.execute(INSERT_THING, id=signed.id)
        return signed

    def details(self, answer: Thing) -> Mapping[str, Any]:
        return {"id": answer.id}


class ReadThingReader(Reader[ReadThing, str]):
    """Reads things."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def prepare(self, call: Call, operation: ReadThing) -> Prepared[str]:
        self.log.append("prepare")
        return Prepared(f"value of {operation.name}", (access_to(call, "sample:read", operation.name),))


class RevealThingReader(Reader[RevealThing, str]):
    """Reads secrets."""

    async def prepare(self, call: Call, operation: RevealThing) -> Prepared[str]:
        return Prepared(f"secret of {operation.name}", (access_to(call, "sample:reveal", operation.name),))


class MakePairHandler(Handler[MakePair, MakePair, Child[Thing], tuple[Thing, Thing]]):
    """Makes one thing itself and the other through the gate."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.gate: Gatekeeper
        self.records_child = True

    async def prepare(self, call: Call, operation: MakePair) -> Prepared[MakePair]:
        return Prepared(operation, (access_to(call, "sample:pair", operation.first),))

    async def sign(self, call: Call, draft: MakePair, grant: Grant) -> Child[Thing]:
        return await self.gate.prepare(call, MakeThing(project=draft.project, name=draft.second))

    async def record(self, transaction: Transaction, call: Call, signed: Child[Thing]) -> tuple[Thing, Thing]:
        self.log.append("record")
        if not self.records_child:
            return signed.signed, signed.signed
        await transaction.execute(INSERT_THING, id="parent")
        child = await self.gate.record(transaction, signed)
        return child, child


class ReachOutHandler(ExternalHandler[ReachOut, str, str, str]):
    """Changes an outside that is a list."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.error: Exception | None = None

    async def prepare(self, call: Call, operation: ReachOut) -> Prepared[str]:
        self.log.append("prepare")
        return Prepared(operation.name, (access_to(call, "sample:reach", operation.name),))

    async def intend(self, transaction: Transaction, call: Call, draft: str) -> None:
        self.log.append("intend")
        await transaction.execute(INSERT_THING, id=f"intent of {draft}")

    async def effect(self, call: Call, draft: str, grant: Grant) -> str:
        self.log.append("effect")
        if self.error is not None:
            raise self.error
        return draft

    async def record(self, transaction: Transaction, call: Call, done: str) -> str:
        self.log.append("record")
        await transaction.execute(INSERT_THING, id=done)
        return done

    async def settle(self, transaction: Transaction, call: Call, draft: str) -> None:
        self.log.append("settle")


class PlaceHandler(Handler[Any, str, str, str]):
    """Answers operations that have no project."""

    async def prepare(self, call: Call, operation: Operation[str]) -> Prepared[str]:
        place = Resource(Entity("Organization", "org_1"), "organization", None)
        return Prepared("done", (Access(operation.action, place, "sample:see"),))

    async def sign(self, call: Call, draft: str, grant: Grant) -> str:
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: str) -> str:
        return signed


class Stage:
    """A gate over fakes, with everything that a test wants to turn or look at."""

    def __init__(
        self,
        *,
        approvals: Approvals | None = None,
        callers: Callers | None = None,
        database: Any = None,
        clock: FakeClock | None = None,
        extra: Mapping[type[Operation[Any]], AnyHandler] | None = None,
    ) -> None:
        self.log: list[str] = []
        self.clock = clock or FakeClock()
        self.database = FakeDatabase(self.clock) if database is None else database
        self.policy = FakePolicy()
        self.trail = FakeTrail()
        self.make = MakeThingHandler(self.log)
        self.pair = MakePairHandler(self.log)
        self.reach = ReachOutHandler(self.log)
        self.identifiers = FakeIdentifiers()
        handlers: dict[type[Operation[Any]], AnyHandler] = {
            MakeThing: self.make,
            ReadThing: ReadThingReader(self.log),
            RevealThing: RevealThingReader(),
            MakePair: self.pair,
            ReachOut: self.reach,
            RenameOrganization: PlaceHandler(),
            Reset: PlaceHandler(),
        }
        self.gate = Gatekeeper(
            {**handlers, **(extra or {})},
            self.database,
            untyped(self.policy),
            untyped(self.trail),
            untyped(FakeCustody()),
            FakeTenants(),
            approvals,
            self.clock,
            self.identifiers,
            callers=callers,
        )
        self.pair.gate = self.gate
