"""A policy engine over rows in memory, and a small schema to ask it about."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ca_service.custody.derivation import MacKey
from ca_service.database.port import Database, Row
from ca_service.database.statement import Statement
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy import storage
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.names import Name
from ca_service.policy.schema import join_schema
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.storage import StoredPolicy
from ca_service.policy.values import Access, ContextValue, Entity, Principal, Resource
from tests.support.fakes.kernel import FakeIdentifiers

TENANT = Tenant(OrganizationId("org_1"), ProjectId("prj_1"))
OTHER_TENANT = Tenant(OrganizationId("org_2"), ProjectId("prj_2"))
MAC_KEY = MacKey(bytes(range(32)))

FRAGMENT = """
entity Authority in [Project] = { name?: String, hosts?: Set<String> };
action "x509:issue" in [Action::"uses"] appliesTo {
  principal: [Identity, User, System, Acme::Account], resource: [Authority],
  context: {
    profile: String, key_algorithm: String, ttl?: duration, name?: Name, proof?: String, directory?: String
  }
};
action "x509:read-authority" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System, Acme::Account], resource: [Authority]
};
action "x509:publish-crl" in [Action::"manages"] appliesTo {
  principal: [Identity, User, System], resource: [Authority]
};
action "governance:read-organization" in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [Organization]
};
action "governance:read-project" in [Action::"reads"] appliesTo {
  principal: [Identity, User, Acme::Account], resource: [Project]
};
action "governance:write-instance" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Instance]
};
action "identity:read-self" in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [Identity, User]
};
"""
SCHEMA = join_schema([FRAGMENT])


class FakePolicyDatabase:
    """The two tables of policy in memory. `edit` changes a row as somebody with the database would."""

    def __init__(self, clock_hint: int | None = 0) -> None:
        self.policies: list[StoredPolicy] = []
        self.generation = 0
        self.hint = clock_hint
        self.reads_of_generation = 0
        self.edits: dict[str, dict[str, Any]] = {}

    def store(
        self, text: str, tenant: Tenant | None = TENANT, *, name: str = "", enabled: bool = True
    ) -> str:
        """Store a policy and announce it; the answer is its id."""
        number = len(self.policies) + 1
        stored = StoredPolicy(
            id=f"pol_{number}",
            organization=tenant.organization if tenant else "",
            project=tenant.project if tenant else "",
            name=name or f"policy {number}",
            text=text,
            is_enabled=enabled,
            created_at=datetime(2026, 1, 2, tzinfo=UTC),
            created_by="idn_admin",
        )
        self.policies.append(stored)
        self.announce()
        return stored.id

    def announce(self) -> None:
        """Raise the generation, as any change does."""
        self.generation += 1
        self.hint = None if self.hint is None else self.hint + 1

    def change_hint(self) -> int | None:
        return self.hint

    async def read_one(self, statement: Statement, /, **parameters: Any) -> Row:
        assert statement is storage._READ_GENERATION
        self.reads_of_generation += 1
        return (self.generation,)

    async def read(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        assert statement is storage._AROUND
        places = {
            ("", ""),
            (parameters["organization"], ""),
            (parameters["organization"], parameters["project"]),
        }
        return [
            tuple({**storage._columns(policy, MAC_KEY), **self.edits.get(policy.id, {})}.values())
            for policy in self.policies
            if (policy.organization, policy.project) in places
        ]


def make_engine(
    database: FakePolicyDatabase,
    *,
    built_ins: Iterable[BuiltInPolicy] = (),
    reserved_names: Iterable[str] = (),
    schema: str = SCHEMA,
) -> PolicyEngine:
    """Return an engine over the fake."""
    return PolicyEngine(
        cast("Database", database),
        schema,
        built_ins,
        MAC_KEY,
        FakeIdentifiers(),
        reserved_names=reserved_names,
    )


def identity(*roles: str, name: str = "idn_alice") -> Principal:
    """Return an identity with roles written `<scope>/<role>`."""
    return Principal(Entity("Identity", name), tuple(Entity("Role", role) for role in roles))


def authority(tenant: Tenant | None = TENANT, **attributes: ContextValue) -> Resource:
    """Return an authority of a project."""
    return Resource(Entity("Authority", "aut_1"), "authority", tenant, attributes)


def issuing(
    name: Name | None = None,
    *,
    ttl: timedelta | None = None,
    profile: str = "server",
    resource: Resource | None = None,
    **context: ContextValue,
) -> Access:
    """Return the question whether a certificate may be issued, on the envelope or for one name."""
    asked: dict[str, ContextValue] = {"profile": profile, "key_algorithm": "EC_P256", **context}
    if name is not None:
        asked["name"] = name.context()
    return Access(
        "x509:issue", resource or authority(), "x509:read-authority", asked, ttl=ttl, field="dns_names[0]"
    )
