"""A certificate authority over the real gate, policy, trail and custody, as first start leaves it."""

import datetime as dt
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ca_service.audit.trail import AuditTrail
from ca_service.custody.custody import Custody
from ca_service.custody.key_stores import KeyStore
from ca_service.database.port import Database
from ca_service.gate.caller import Caller, CallerKind, RoleGrant
from ca_service.gate.gate import Gatekeeper
from ca_service.gate.operation import Operation
from ca_service.gate.port import Outcome, RequestContext
from ca_service.identity.errors import SponsorRefusedError
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.names import Name, NameKind
from ca_service.policy.schema import join_schema
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.storage import MAC_PURPOSE
from ca_service.x509.assembly import Assembly, assemble
from ca_service.x509.first_start import found_authorities
from ca_service.x509.life_assembly import Surroundings
from ca_service.x509.operations import CsrRequest, IssueCertificate, IssuedCertificate, KeyRequest
from ca_service.x509.policies import POLICIES, SCHEMA
from tests.support.fakes.acme import FakeQueue, run_of
from tests.support.fakes.custody import custody_for
from tests.support.fakes.gate import FakeTenants, untyped
from tests.support.fakes.kernel import FakeClock
from tests.support.fakes.notify import FakeNotifier
from tests.support.first_rows import make_once

PLAIN_URL = "http://pki.test:8080"
TENANT = Tenant(OrganizationId("org_1"), ProjectId("prj_1"))

#: What the gate and this module ask of governance.
_GOVERNANCE = """
action "governance:read-project" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System, Acme::Account], resource: [Project]
};
"""


def identity(name: str, *roles: RoleGrant) -> Caller:
    """Return an identity of the instance with these roles."""
    return Caller(
        kind=CallerKind.IDENTITY,
        id=name,
        name=name,
        address="192.0.2.7",
        authenticated_by="token",
        roles=roles,
    )


ADMINISTRATOR = identity("idn_root", RoleGrant("administrator", "instance"))
MEMBER = identity("idn_member", RoleGrant("member", "prj_1"))
VIEWER = identity("idn_viewer", RoleGrant("viewer", "prj_1"))
STRANGER = identity("idn_stranger", RoleGrant("admin", "prj_2"))


def acme_account(account: str) -> Caller:
    """Return an ACME account that lives in the first project."""
    return Caller(
        kind=CallerKind.ACME_ACCOUNT,
        id=account,
        name=account,
        address="192.0.2.9",
        authenticated_by="acme",
        organization=TENANT.organization,
        project=TENANT.project,
        groups=(("Acme::Directory", "dir_1"),),
    )


class CertificateGround:
    """The gate with the handlers of x509, and short ways to ask it."""

    def __init__(
        self,
        database: Database,
        clock: FakeClock,
        policies: tuple[BuiltInPolicy, ...] = (),
        reserved_names: tuple[str, ...] = (),
        stores: tuple[KeyStore, ...] = (),
    ) -> None:
        self.database = database
        self.clock = clock
        self._is_ordinary = not (policies or reserved_names or stores)
        self.randomness = SystemRandomness()
        self.identifiers = RandomIdentifiers(clock, self.randomness)
        self.custody: Custody = custody_for(database, stores=stores)
        self.policy = PolicyEngine(
            database,
            join_schema([_GOVERNANCE, SCHEMA]),
            (*POLICIES, *policies),
            self.custody.mac_key(MAC_PURPOSE),
            self.identifiers,
            reserved_names=reserved_names,
        )
        self.audit = AuditTrail(database, self.custody, clock, self.identifiers)
        tenants = FakeTenants()
        tenants.projects["default"] = TENANT
        self.gate = Gatekeeper(
            {}, database, self.policy, self.audit, self.custody, tenants, None, clock, self.identifiers
        )
        self.queue = FakeQueue()
        self.notifier = FakeNotifier()
        #: Who may act today for what it owns.
        self.owners = {caller.id: caller for caller in (ADMINISTRATOR, MEMBER, VIEWER)}
        self.assembly: Assembly = assemble(
            database=database,
            custody=self.custody,
            gate=self.gate,
            identifiers=self.identifiers,
            randomness=self.randomness,
            plain_public_url=PLAIN_URL,
            surroundings=Surroundings(
                queue=untyped(self.queue),
                notifier=self.notifier,
                sponsors=self,
                administrator=self._administrator,
            ),
        )
        self.gate.register(self.assembly.handlers)

    async def sponsor(self, identity: str) -> Caller:
        """Return an owner with its roles of today; the ground is its own `Sponsors`."""
        if identity not in self.owners:
            raise SponsorRefusedError
        return self.owners[identity]

    async def _administrator(self) -> Caller | None:
        return None

    async def run_jobs(self) -> None:
        """Run what the queue holds now."""
        await self.queue.run_all(self.assembly.life.job_handlers)

    async def run_job(self, kind: str, payload: bytes) -> None:
        """Run one job once more."""
        await self.assembly.life.job_handlers[kind](run_of(payload))

    async def start(self) -> "CertificateGround":
        """Do what first start does, or leave what it leaves."""
        found = partial(found_authorities, self.gate, self.identifiers, ADMINISTRATOR)
        await (make_once(self.database, "x509", found) if self._is_ordinary else found())
        return self

    async def perform(self, operation: Operation[Any], caller: Caller = ADMINISTRATOR, key: str = "") -> Any:
        """Return the answer of an operation."""
        return (await self.outcome(operation, caller, key)).answer

    async def outcome(
        self, operation: Operation[Any], caller: Caller = ADMINISTRATOR, key: str = ""
    ) -> Outcome[Any]:
        """Return the outcome of an operation, performed under an idempotency key if one is given."""
        return await self.gate.perform(caller, operation, RequestContext("req_test", key or None))

    async def issue(self, *names: str, caller: Caller = ADMINISTRATOR, **fields: Any) -> IssuedCertificate:
        """Issue for DNS names with a key made here, or from `csr`."""
        csr = fields.pop("csr", None)
        common_name = fields.pop("common_name", None)
        request: CsrRequest | KeyRequest = (
            CsrRequest(csr)
            if csr is not None
            else KeyRequest(common_name=common_name, names=tuple(Name(NameKind.DNS, name) for name in names))
        )
        fields.setdefault("profile", "server")
        answer: IssuedCertificate = await self.perform(
            IssueCertificate(project="default", request=request, **fields), caller
        )
        return answer


_SHA256 = hashes.SHA256()


def make_csr(
    *names: str,
    common_name: str | None = None,
    key: Any = None,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    algorithm: Any = _SHA256,
) -> bytes:
    """Return a CSR in DER for DNS names."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


def pem_csr(der: bytes) -> str:
    """Return a CSR in PEM."""
    return x509.load_der_x509_csr(der).public_bytes(serialization.Encoding.PEM).decode()


def parse(pem: str) -> x509.Certificate:
    """Return a certificate."""
    return x509.load_pem_x509_certificate(pem.encode())


def dns_names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names of a certificate."""
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return alternatives.get_values_for_type(x509.DNSName)


def days(count: float) -> dt.timedelta:
    """Return so many days."""
    return dt.timedelta(days=count)
