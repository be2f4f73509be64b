"""What the schema and the built-in policies of ACME permit, decided by the real engine."""

import asyncio

import pytest

from acme.accounts import AccountId
from acme.directories import Directory, DirectoryId, ExternalAccountRule
from acme.module import MODULE
from acme.resources import (
    account_access,
    authorization_access,
    directory_access,
    order_access,
    project_access,
)
from acme.storage.scope import Scope
from ca_service.custody.derivation import MacKey
from ca_service.database.port import Database
from ca_service.governance.module import MODULE as GOVERNANCE
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.values import Access, Entity, Principal
from ca_service.x509.module import MODULE as X509
from tests.support.fakes.gate import TENANT
from tests.support.fakes.kernel import FakeClock, FakeIdentifiers

DIRECTORY = Directory(
    id=DirectoryId("dir_1"),
    tenant=TENANT,
    slug="default",
    profile="server",
    authority=None,
    eab=ExternalAccountRule.OFF,
    created_at=FakeClock().now(),
)
ACCOUNT = Principal(Entity("Acme::Account", "acc_1"), (Entity("Acme::Directory", "dir_1"),))
VALIDATOR = Principal(Entity("System", "acme-validate"))
MEMBER = Principal(Entity("Identity", "idn_1"), (Entity("Role", f"{TENANT.project}/member"),))
ADMIN = Principal(Entity("Identity", "idn_2"), (Entity("Role", f"{TENANT.project}/admin"),))
SCOPE = Scope(TENANT, DIRECTORY.id, AccountId("acc_1"))

OF_ACCOUNTS = [
    directory_access("acme:create-account", DIRECTORY),
    directory_access("acme:create-order", DIRECTORY),
    directory_access("acme:create-authorization", DIRECTORY),
    directory_access("acme:revoke-certificate", DIRECTORY),
    directory_access("acme:read-directory", DIRECTORY),
    account_access("acme:read-account", SCOPE),
    account_access("acme:update-account", SCOPE),
    account_access("acme:list-orders", SCOPE),
    order_access("acme:read-order", TENANT, DIRECTORY.id, "ord_1"),
    order_access("acme:finalize-order", TENANT, DIRECTORY.id, "ord_1"),
    authorization_access("acme:read-authorization", TENANT, DIRECTORY.id, "authz_1"),
    authorization_access("acme:deactivate-authorization", TENANT, DIRECTORY.id, "authz_1"),
    authorization_access("acme:read-challenge", TENANT, DIRECTORY.id, "authz_1"),
    authorization_access("acme:respond-to-challenge", TENANT, DIRECTORY.id, "authz_1"),
]
VALIDATION = authorization_access("acme:validate-challenge", TENANT, DIRECTORY.id, "authz_1")


@pytest.fixture
def engine(sqlite_database: Database) -> PolicyEngine:
    modules = (GOVERNANCE, X509, MODULE)
    schema = join_schema([module.schema for module in modules])
    policies = [policy for module in modules for policy in module.policies]
    return PolicyEngine(sqlite_database, schema, policies, MacKey(b"k" * 32), FakeIdentifiers())


@pytest.mark.parametrize("access", OF_ACCOUNTS, ids=lambda access: access.action)
def test_accounts_may_use_the_protocol(runner: asyncio.Runner, engine: PolicyEngine, access: Access) -> None:
    assert runner.run(engine.decide(ACCOUNT, access)).allowed


def test_the_validator_may_validate(runner: asyncio.Runner, engine: PolicyEngine) -> None:
    assert runner.run(engine.decide(VALIDATOR, VALIDATION)).allowed


def test_no_other_job_may_validate(runner: asyncio.Runner, engine: PolicyEngine) -> None:
    other = Principal(Entity("System", "x509-publish"))
    assert not runner.run(engine.decide(other, VALIDATION)).allowed


@pytest.mark.parametrize("principal", [MEMBER, ADMIN], ids=["member", "admin"])
def test_members_see_directories(runner: asyncio.Runner, engine: PolicyEngine, principal: Principal) -> None:
    assert runner.run(engine.decide(principal, directory_access("acme:read-directory", DIRECTORY))).allowed
    assert runner.run(engine.decide(principal, project_access("acme:list-directories", TENANT))).allowed


def test_members_do_not_make_directories_and_admins_do(runner: asyncio.Runner, engine: PolicyEngine) -> None:
    access = project_access("acme:manage-directory", TENANT)
    allowed = [runner.run(engine.decide(principal, access)).allowed for principal in (MEMBER, ADMIN)]
    assert allowed == [False, True]
