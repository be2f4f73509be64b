"""A vault over the real gate, policy, trail and custody, with two environments."""

from typing import Any

from ca_service.audit.trail import AuditTrail
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
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
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.storage import MAC_PURPOSE
from secrets_core.vault.module import MODULE, handlers_over
from secrets_core.vault.operations import PutSecret, ReadSecret, RevealedSecret, SecretRecord
from secrets_core.vault.vault import Vault, over
from tests.support.fakes.custody import custody_for
from tests.support.fakes.gate import FakeTenants
from tests.support.x509_ground import ADMINISTRATOR, TENANT

PROJECT = "default"
#: The slugs of the environments, in both projects.
ENVIRONMENTS = ("dev", "prod")
OTHER = Tenant(OrganizationId("org_2"), ProjectId("prj_2"))

_GOVERNANCE = """
action "governance:read-project" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System], resource: [Project]
};
"""


class VaultGround:
    """The gate with the handlers of the vault, and short ways to ask it. `other` is a second project."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        policies: tuple[BuiltInPolicy, ...] = (),
    ) -> None:
        self.database = database
        randomness = SystemRandomness()
        self.identifiers = RandomIdentifiers(clock, randomness)
        self.custody: Custody = custody_for(database)
        self.policy = PolicyEngine(
            database,
            join_schema([_GOVERNANCE, MODULE.schema]),
            (*MODULE.policies, *policies),
            self.custody.mac_key(MAC_PURPOSE),
            self.identifiers,
        )
        self.audit = AuditTrail(database, self.custody, clock, self.identifiers)
        tenants = FakeTenants()
        tenants.projects |= {PROJECT: TENANT, "other": OTHER}
        self.gate = Gatekeeper(
            {}, database, self.policy, self.audit, self.custody, tenants, None, clock, self.identifiers
        )
        self.vault: Vault = over(database, self.custody, self.identifiers, self.policy)
        self.gate.register(handlers_over(self.vault))

    async def start(self) -> "VaultGround":
        """Make the environments."""

        async def work(transaction: Transaction) -> None:
            for tenant in (TENANT, OTHER):
                for slug in ENVIRONMENTS:
                    environment = Environment(
                        id=self.identifiers.new("env"),
                        organization=tenant.organization,
                        project=tenant.project,
                        slug=slug,
                        name=slug,
                        created_at=transaction.now,
                        created_by="test",
                    )
                    await insert_environment(transaction, environment)

        await self.database.begin(work)
        return self

    async def perform(self, operation: Operation[Any], caller: Caller = ADMINISTRATOR, key: str = "") -> Any:
        """Return the answer of an operation."""
        outcome = await self.gate.perform(caller, operation, RequestContext("req_test", key or None))
        return outcome.answer

    async def put(
        self, name: str, value: str = "a value", *, caller: Caller = ADMINISTRATOR, **fields: Any
    ) -> SecretRecord:
        """Write a secret, of `dev` and the root folder unless something else is said."""
        asked: dict[str, Any] = {"project": PROJECT, "environment": "dev", **fields}
        record: SecretRecord = await self.perform(
            PutSecret(name=name, value=SecretValue(value), **asked), caller
        )
        return record

    async def read(self, name: str, *, caller: Caller = ADMINISTRATOR, **fields: Any) -> RevealedSecret:
        """Read a secret."""
        asked: dict[str, Any] = {"project": PROJECT, "environment": "dev", **fields}
        revealed: RevealedSecret = await self.perform(ReadSecret(name=name, **asked), caller)
        return revealed

    async def value(self, name: str, **fields: Any) -> str:
        """Return the value of a secret."""
        return (await self.read(name, **fields)).value.reveal()
