"""Fakes of the ports that the gate stands on: policy, trail, custody, tenants, database."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ca_service.audit.entries import AuditEntry
from ca_service.custody.derivation import MacKey
from ca_service.custody.sealing import Sealer, sealing_key
from ca_service.database.port import Dialect, Row, Transaction, Value
from ca_service.database.statement import Statement
from ca_service.gate.caller import Caller, CallerKind, RoleGrant
from ca_service.gate.handler import Call
from ca_service.identity.errors import SponsorRefusedError
from ca_service.kernel.errors import NotFoundError, UnavailableError
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.values import Access, Decision, Obligations, Principal
from tests.support.fakes.kernel import FakeClock

T = TypeVar("T")

TENANT = Tenant(OrganizationId("org_1"), ProjectId("prj_1"))
OTHER_TENANT = Tenant(OrganizationId("org_2"), ProjectId("prj_2"))


def make_caller(
    name: str = "idn_alice",
    *,
    tenant: Tenant | None = TENANT,
    roles: tuple[RoleGrant, ...] = (),
    generation: int | None = None,
) -> Caller:
    """Return an identity that lives in `tenant`."""
    return Caller(
        kind=CallerKind.IDENTITY,
        id=name,
        name=name,
        address="192.0.2.7",
        authenticated_by="token",
        credential="tok_1",
        organization=tenant.organization if tenant else None,
        project=tenant.project if tenant else None,
        roles=roles,
        generation=generation,
    )


class FakePolicy:
    """A policy of denied and limited actions; everything else is allowed.

    `change_after` is how many confirmations answer "stale" before one holds; each raises the generation.
    """

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.denied_principals: set[str] = set()
        #: Actions that no policy permits anybody at all.
        self.unreachable: set[str] = set()
        self.obligations: dict[str, Obligations] = {}
        self.generation = 1
        self.stale_confirmations = 0
        self.on_stale: Callable[[], None] = lambda: None
        self.asked: list[tuple[Principal, Access]] = []
        self.count = 0

    async def decide(self, principal: Principal, access: Access) -> Decision:
        self.asked.append((principal, access))
        self.count += 1
        obligations = self.obligations.get(access.action, Obligations())
        allowed = access.action not in self.denied and principal.entity.id not in self.denied_principals
        if allowed and access.ttl is not None and obligations.max_ttl is not None:
            allowed = access.ttl <= obligations.max_ttl
        reason = f"{access.action} is {'permitted' if allowed else 'not permitted'}."
        return Decision(f"dec_{self.count}", allowed, ("p1",), reason, obligations, self.generation)

    async def reaches(self, principal: Principal, action: str, tenant: Tenant) -> bool:
        del principal, tenant
        return action not in self.unreachable

    def forget_generation(self) -> None:
        """Look anew: here the generation is never remembered."""

    def require(self, transaction: Transaction, generation: int, otherwise: Callable[[], Exception]) -> None:
        del transaction
        if self.stale_confirmations:
            self.stale_confirmations -= 1
            self.generation += 1
            self.on_stale()
        if generation != self.generation:
            raise otherwise()


class FakeTrail:
    """A trail in memory that forgets what a left transaction told it."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.is_broken = False
        #: Tells whether what an entry is written for still holds.
        self.condition: Callable[[Mapping[str, Value]], bool] = lambda _: True

    async def record(self, transaction: Transaction, entry: AuditEntry) -> None:
        self._refuse_if_broken()
        transaction.on_commit(lambda: self.entries.append(entry))

    async def append(self, entry: AuditEntry) -> None:
        self._refuse_if_broken()
        self.entries.append(entry)

    async def append_where(self, statement: Statement, entry: AuditEntry, **facts: Value) -> bool:
        del statement
        if not self.condition(facts):
            return False
        await self.append(entry)
        return True

    async def deny(self, entry: AuditEntry, *, kind: str = "") -> None:
        del kind
        await self.append(entry)

    def outcomes(self) -> list[str]:
        return [entry.outcome.value for entry in self.entries]

    def _refuse_if_broken(self) -> None:
        if self.is_broken:
            raise UnavailableError("The trail cannot be written.")


class FakeCustody:
    """Real sealers and tags under keys everybody knows."""

    def mac_key(self, purpose: str) -> MacKey:
        return MacKey(purpose.encode().ljust(32, b"."))

    def instance_sealer(self) -> Sealer:
        return Sealer(Tenant(OrganizationId(""), ProjectId("")), {1: _KEY}, SystemRandomness())

    async def sealer(self, tenant: Tenant) -> Sealer:
        return Sealer(tenant, {1: _KEY}, SystemRandomness())


_KEY = sealing_key(1, bytes(32))


class FakeTenants:
    """Two projects in two organizations."""

    def __init__(self) -> None:
        self.projects = {"one": TENANT, "prj_1": TENANT, "two": OTHER_TENANT, "prj_2": OTHER_TENANT}

    async def project(self, name: str) -> Tenant:
        if name not in self.projects:
            raise NotFoundError("project")
        return self.projects[name]

    async def organization(self, name: str) -> OrganizationId:
        if name not in {"org_1", "org_2"}:
            raise NotFoundError("organization")
        return OrganizationId(name)


class FakeSponsors:
    """Identities on whose behalf others may act, until a test ends them; by id, with their tenant."""

    def __init__(self) -> None:
        self.identities: dict[str, Tenant] = {"idn_alice": TENANT, "idn_mallory": OTHER_TENANT}
        self.ended: set[str] = set()

    async def sponsor(self, identity: str) -> Caller:
        if identity not in self.identities or identity in self.ended:
            raise SponsorRefusedError
        return make_caller(identity, tenant=self.identities[identity])


class FakeApprovals:
    """A number of approvals that is the same for everything."""

    def __init__(self, given: int) -> None:
        self.given = given
        self.hashes: list[bytes] = []

    async def count(self, call: Call, operation_hash: bytes, generation: int) -> int:
        self.hashes.append(operation_hash)
        return self.given


class FakeTransaction:
    """Statements that are kept, not run."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.written: list[dict[str, Value]] = []
        self.actions: list[Callable[[], None]] = []

    @property
    def now(self) -> datetime:
        return self._now

    async def execute(self, statement: Statement, /, **parameters: Value) -> int:
        self.written.append(parameters)
        return 1

    def send(self, statement: Statement, /, **parameters: Value) -> None:
        self.written.append(parameters)

    def require(
        self, statement: Statement, otherwise: Callable[[], Exception], /, **parameters: Value
    ) -> None:
        self.written.append(parameters)

    async def fetch_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        return None

    async def fetch_all(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return []

    def on_commit(self, action: Callable[[], None]) -> None:
        self.actions.append(action)

    def announce(self) -> None:
        return None


class FakeDatabase:
    """A database without SQL: what committed transactions wrote, in order."""

    dialect: Dialect = "sqlite"

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.rows: list[dict[str, Value]] = []
        self.commit_fails = False
        self.waits = 0
        self.doubt: str | None = None

    def clock_doubt(self) -> str | None:
        return self.doubt

    def expiry_doubt(self) -> str | None:
        return self.doubt

    def clock_reading(self) -> datetime:
        return self.clock.now()

    async def accept_clock(self, transaction: Transaction) -> datetime:
        del transaction
        self.doubt = None
        return self.clock.now()

    def now(self) -> datetime:
        return self.clock.now()

    def change_hint(self) -> int | None:
        return None

    async def read_one(self, statement: Statement, /, **parameters: Value) -> Row | None:
        return None

    async def read(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return []

    async def scan(self, statement: Statement, /, **parameters: Value) -> list[Row]:
        return []

    async def append(self, statement: Statement, /, **parameters: Value) -> bool:
        self.rows.append(parameters)
        return True

    async def begin(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        transaction = FakeTransaction(self.now())
        answer = await work(transaction)
        if self.commit_fails:
            raise UnavailableError("The commit failed.")
        self.rows.extend(transaction.written)
        for action in transaction.actions:
            action()
        return answer

    async def close(self) -> None:
        return None


def hours(count: float) -> timedelta:
    """Return so many hours."""
    return timedelta(hours=count)


def untyped(value: object) -> Any:
    """Return `value` for a parameter whose type is a class and not a port."""
    return value
