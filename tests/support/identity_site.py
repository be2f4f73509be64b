"""Identity and governance over a real database, behind the real gate: what their contract tests stand on."""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

from ca_service.audit.search import AuditFilter, NumberedEntry
from ca_service.audit.trail import AuditTrail
from ca_service.config import Config
from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.gate import Gatekeeper
from ca_service.gate.operation import Operation
from ca_service.gate.port import RequestContext
from ca_service.governance.first_start import lay_foundation
from ca_service.governance.module import MODULE as GOVERNANCE
from ca_service.governance.operations import (
    CreateOrganization,
    CreateProject,
    GrantOrganizationRole,
    GrantProjectRole,
)
from ca_service.governance.tenants import StoredRoles, StoredTenants
from ca_service.identity.authenticator import IdentityAuthenticator
from ca_service.identity.bootstrap import BootstrapToken, instance_administrator
from ca_service.identity.failures import LoginFailures
from ca_service.identity.identities import TokenTerms
from ca_service.identity.lockouts.guard import LoginGuard
from ca_service.identity.methods.universal import UniversalLogin
from ca_service.identity.module import MODULE as IDENTITY
from ca_service.identity.operations import CreateClientSecret, CreateIdentity, IssuedToken, LogIn
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.storage import MAC_PURPOSE
from ca_service.web.access_log import AccessLog
from ca_service.web.client_address import ClientAddresses
from ca_service.web.exchange import Doors
from ca_service.web.health import Readiness
from ca_service.web.hosts import OwnHosts
from ca_service.web.metrics import Metrics
from ca_service.web.middleware import Front, Surroundings
from ca_service.web.module import Ground
from ca_service.web.rate_limits import RateLimiter
from ca_service.web.refusals import Refusals
from tests.support.fakes.custody import custody_for
from tests.support.fakes.kernel import FakeClock
from tests.support.partial_app import PartialApp
from tests.support.web import Answered, _exchange, healthy

A = TypeVar("A")
ADDRESS = "192.0.2.7"
USUAL_TERMS = TokenTerms()
ADMINISTRATOR = instance_administrator(address=ADDRESS)
REQUEST = RequestContext("req_test")


class Machine(Struct, frozen=True):
    """A machine identity that can log in."""

    id: str
    secret_id: str
    client_secret: SecretValue[str]


class Worker:
    """One process of the service: its own caches over a database that it may share with others."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        randomness = SystemRandomness()
        identifiers = RandomIdentifiers(clock, randomness)
        self.database = database
        self.clock = clock
        self.custody: Custody = custody_for(database, identifiers=identifiers)
        self.audit = AuditTrail(database, self.custody, clock, identifiers)
        self.policy = PolicyEngine(
            database,
            join_schema([GOVERNANCE.schema, IDENTITY.schema]),
            [*GOVERNANCE.policies, *IDENTITY.policies],
            self.custody.mac_key(MAC_PURPOSE),
            identifiers,
        )
        self.tenants = StoredTenants(database, self.policy)
        roles = StoredRoles(database, self.custody)
        self.authenticator = IdentityAuthenticator(database, self.custody, self.policy, roles)
        self.gate = Gatekeeper(
            {},
            database,
            self.policy,
            self.audit,
            self.custody,
            self.tenants,
            None,
            clock,
            identifiers,
            callers=self.authenticator,
        )
        self.bootstrap = BootstrapToken(
            database, self.custody, self.audit, self.policy, identifiers, randomness
        )
        self.failures = LoginFailures(self.audit, database, identifiers)
        self.guard = LoginGuard(database, Config().identity, pause=0)
        self.universal = UniversalLogin(database, self.custody, self.policy, self.failures, self.guard)
        ground = Ground(
            config=Config(),
            clock=clock,
            identifiers=identifiers,
            randomness=randomness,
            database=database,
            custody=self.custody,
            egress=cast("Any", None),
            queue=cast("Any", None),
            policy=self.policy,
            audit=self.audit,
            gate=self.gate,
            sponsors=self.authenticator,
            public_url="https://ca.example",
            plain_public_url="http://ca.example",
        )
        contributions = [module.build(ground) for module in (GOVERNANCE, IDENTITY)]
        for contribution in contributions:
            self.gate.register(contribution.handlers)
        self.routes = [route for contribution in contributions for route in contribution.routes]
        self.status_sources = [each.status for each in contributions if each.status is not None]
        self.refusals = Refusals(self.audit, identifiers, clock)
        self._identifiers = identifiers

    @cached_property
    def front(self) -> Front:
        """Return the doors; made only for those tests that knock."""
        doors = Doors(
            gate=self.gate,
            authenticator=self.authenticator,
            limiter=RateLimiter(self.clock),
            refusals=self.refusals,
            public_url="https://ca.example",
            plain_public_url="http://ca.example",
        )
        around = Surroundings(
            doors=doors,
            addresses=ClientAddresses([]),
            hosts=OwnHosts(["ca.example"]),
            metrics=Metrics("1.2.3"),
            identifiers=self._identifiers,
            clock=self.clock,
            access_log=AccessLog("text", "warning"),
        )
        return Front(PartialApp(self.routes, readiness=Readiness(healthy), version="1.2.3"), around)

    async def perform(self, operation: Operation[A], caller: Caller = ADMINISTRATOR) -> A:
        """Perform an operation, as the instance administrator unless told otherwise."""
        return (await self.gate.perform(caller, operation, REQUEST)).answer

    async def authenticate(self, token: SecretValue[str], address: str = ADDRESS) -> Caller:
        """Return the caller behind a token."""
        return await self.authenticator.authenticate(token, address)

    async def log_in(self, machine: Machine, address: str = ADDRESS) -> IssuedToken:
        """Log a machine in as its door does."""
        caller = await self.universal.verify(machine.id, machine.client_secret, address, "req_login")
        return await self.perform(LogIn(), caller)

    async def caller_of(self, machine: Machine) -> Caller:
        """Log a machine in and return it as a caller."""
        return await self.authenticate((await self.log_in(machine)).access_token)

    async def make_machine(
        self,
        name: str = "robot",
        *,
        organization: str = "default",
        project: str | None = None,
        terms: TokenTerms = USUAL_TERMS,
        ttl: timedelta | None = None,
        uses: int | None = None,
        networks: tuple[str, ...] = (),
    ) -> Machine:
        """Make an identity with a client secret."""
        identity = await self.perform(
            CreateIdentity(organization=organization, name=name, project=project, terms=terms)
        )
        made = await self.perform(
            CreateClientSecret(
                organization=organization, identity=identity.id, ttl=ttl, uses=uses, networks=networks
            )
        )
        return Machine(identity.id, made.record.id, made.client_secret)

    async def make_member(
        self, role: str, *, project: str = "default", organization: str = "default"
    ) -> Caller:
        """Make an identity with a role in a project and return it as a caller."""
        machine = await self.make_machine(f"{project}-{role}", organization=organization)
        await self.perform(GrantProjectRole(project=project, identity=machine.id, role=role))
        return await self.caller_of(machine)

    async def make_tenant(self, slug: str) -> Tenant:
        """Make an organization with one project, both of this slug."""
        await self.perform(CreateOrganization(slug=slug, name=slug))
        return (await self.perform(CreateProject(organization=slug, slug=slug, name=slug))).tenant

    async def make_organization_admin(self, slug: str) -> Caller:
        """Make an administrator of an organization and return it as a caller."""
        machine = await self.make_machine(f"{slug}-admin", organization=slug)
        await self.perform(GrantOrganizationRole(organization=slug, identity=machine.id, role="admin"))
        return await self.caller_of(machine)

    async def trail(self, keep: Callable[[NumberedEntry], bool] = lambda _: True) -> list[NumberedEntry]:
        """Return the entries of the whole instance, newest first."""
        entries = await self.audit.search(AuditFilter(organization=None, limit=1000))
        return [entry for entry in entries if keep(entry)]

    async def call(
        self, method: str, path: str, value: Any = None, *, token: str | None = None, peer: str = ADDRESS
    ) -> Answered:
        """Send one request to the doors, without a socket."""
        target, _, query = path.partition("?")
        headers = [(b"host", b"ca.example")]
        if token is not None:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        if value is not None:
            headers.append((b"content-type", b"application/json"))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": (peer, 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "state": {},
        }
        body = b"" if value is None else msgspec.json.encode(value)
        return await _exchange(self.front, scope, [body])


async def open_site(database: Database, clock: FakeClock) -> Worker:
    """Return a worker over a database on which first start has run."""
    worker = Worker(database, clock)
    await lay_foundation(worker.gate, ADMINISTRATOR)
    return worker
