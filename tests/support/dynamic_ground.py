"""Dynamic secrets over the real gate, policy, trail and custody, a target in memory, and their door."""

from datetime import timedelta
from typing import Any

import msgspec

from ca_service.audit.search import AuditFilter, NumberedEntry
from ca_service.audit.trail import AuditTrail
from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import Statement
from ca_service.gate.caller import Caller
from ca_service.gate.gate import Gatekeeper
from ca_service.gate.operation import Operation
from ca_service.gate.port import RequestContext
from ca_service.governance.places import Environment
from ca_service.governance.storage import insert_environment
from ca_service.kernel.clock import Clock
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.storage import MAC_PURPOSE
from secrets_core.dynamic.catalogue import Catalogue
from secrets_core.dynamic.dynamic_secrets import MOST_LIVE_LEASES
from secrets_core.dynamic.http import ROUTES
from secrets_core.dynamic.jobs import Sweeper
from secrets_core.dynamic.module import MODULE, handlers_over
from secrets_core.dynamic.operations import (
    CreateDynamicSecret,
    CreateLease,
    DynamicSecretView,
    LeaseView,
    NewLease,
    ReadLease,
    RevokedLease,
    RevokeLease,
)
from secrets_core.dynamic.providers.port import Provider
from secrets_core.dynamic.providers.providers import Providers
from secrets_core.dynamic.usernames import AccountNames
from tests.support.fakes.custody import custody_for
from tests.support.fakes.dynamic import CONFIG, NAME, FakeProvider
from tests.support.fakes.gate import FakeTenants
from tests.support.web import ALICES_TOKEN, Answered, InProcess, _exchange
from tests.support.x509_ground import ADMINISTRATOR, TENANT

_GOVERNANCE = """
action "governance:read-project" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System], resource: [Project]
};
"""
#: The caller of requests over HTTP may do everything.
ALICE = BuiltInPolicy("test:alice", 'permit(principal == Identity::"idn_alice", action, resource);')
BASE = "/v1/projects/default"


class DynamicGround:
    """The gate with the handlers of dynamic secrets, and short ways to ask it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        policies: tuple[BuiltInPolicy, ...] = (),
        provider: Provider | None = None,
        most_live_leases: int = MOST_LIVE_LEASES,
    ) -> None:
        self.database = database
        self.target = FakeProvider()
        randomness = SystemRandomness()
        self.identifiers = RandomIdentifiers(clock, randomness)
        self.custody = custody_for(database)
        self.policy = PolicyEngine(
            database,
            join_schema([_GOVERNANCE, MODULE.schema]),
            (*MODULE.policies, ALICE, *policies),
            self.custody.mac_key(MAC_PURPOSE),
            self.identifiers,
        )
        self.audit = AuditTrail(database, self.custody, clock, self.identifiers)
        self.tenants = FakeTenants()
        self.tenants.projects["default"] = self.tenants.projects[TENANT.project] = TENANT
        self.gate = Gatekeeper(
            {}, database, self.policy, self.audit, self.custody, self.tenants, None, clock, self.identifiers
        )
        providers = Providers((self.target, *(() if provider is None else (provider,))))
        names = AccountNames(self.custody, randomness)
        self.catalogue = Catalogue(database, self.custody, self.policy, providers, names)
        self.handlers = handlers_over(self.catalogue, self.identifiers, randomness, most_live_leases)
        self.gate.register(self.handlers)
        self.sweeper = Sweeper(self.gate, database, self.identifiers)
        gate: Any = self.gate
        self._front = InProcess(ROUTES, gate=gate).front

    async def start(self, *slugs: str) -> "DynamicGround":
        """Make the environments; `dev` where none is named."""

        async def work(transaction: Transaction) -> None:
            for slug in slugs or ("dev",):
                environment = Environment(
                    id=self.identifiers.new("env"),
                    organization=TENANT.organization,
                    project=TENANT.project,
                    slug=slug,
                    name=slug,
                    created_at=transaction.now,
                    created_by="test",
                )
                await insert_environment(transaction, environment)

        await self.database.begin(work)
        return self

    async def perform(self, operation: Operation[Any], caller: Caller = ADMINISTRATOR, key: str = "") -> Any:
        """Return the answer of an operation, performed under an idempotency key if one is given."""
        outcome = await self.gate.perform(caller, operation, RequestContext("req_test", key or None))
        return outcome.answer

    async def make(self, name: str = "app", **changes: Any) -> DynamicSecretView:
        """Make a dynamic secret whose target is in memory."""
        config = SecretValue(msgspec.json.encode({**CONFIG, **changes.pop("config", {})}))
        operation = CreateDynamicSecret(
            project="default", environment="dev", name=name, provider=NAME, config=config, **changes
        )
        made: DynamicSecretView = await self.perform(operation)
        return made

    async def lease(
        self, ttl: timedelta | None = None, caller: Caller = ADMINISTRATOR, key: str = "", name: str = "app"
    ) -> NewLease:
        """Ask for a lease."""
        operation = CreateLease(project="default", environment="dev", name=name, ttl=ttl)
        given: NewLease = await self.perform(operation, caller, key)
        return given

    async def revoke(self, lease_id: str, caller: Caller = ADMINISTRATOR) -> RevokedLease:
        """End a lease."""
        revoked: RevokedLease = await self.perform(RevokeLease(project="default", lease=lease_id), caller)
        return revoked

    async def read(self, lease_id: str) -> LeaseView:
        """Return a lease."""
        lease: LeaseView = await self.perform(ReadLease(project="default", lease=lease_id))
        return lease

    def accounts(self, host: str = "db.test") -> set[str]:
        """Return the accounts at a target."""
        return set(self.target.accounts.get(f"fake://{host}", {}))

    async def rows(self, statement: Statement, **parameters: Value) -> list[Row]:
        """Return rows, as somebody who reads the database sees them."""
        return await self.database.scan(statement, **parameters)

    async def change(self, statement: Statement, **parameters: Value) -> None:
        """Change rows, as somebody who can write to the database does."""

        async def work(transaction: Transaction) -> None:
            await transaction.execute(statement, **parameters)

        await self.database.begin(work)

    async def trail(self) -> list[NumberedEntry]:
        """Return the entries of the trail, oldest first."""
        await self.audit.sequence()
        return [*reversed(await self.audit.search(AuditFilter(organization=None)))]

    async def call(self, method: str, path: str, value: Any = None, *, key: str = "") -> Answered:
        """Answer a request of Alice; `path` is below the project."""
        target, _, query = f"{BASE}/{path}".partition("?")
        body = b"" if value is None else msgspec.json.encode(value)
        headers = [(b"host", b"ca.example"), (b"authorization", f"Bearer {ALICES_TOKEN}".encode())]
        if body:
            headers.append((b"content-type", b"application/json"))
        if key:
            headers.append((b"idempotency-key", key.encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": ("192.0.2.7", 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "state": {},
        }
        return await _exchange(self._front, scope, [body])
