"""An SSH authority over the real gate, policy, trail and custody, as first start leaves it."""

from datetime import timedelta
from functools import partial
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca_service.audit.trail import AuditTrail
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.custody import Custody
from ca_service.custody.generation import generate_key
from ca_service.custody.key_stores import KeyStore
from ca_service.custody.signers import Signer
from ca_service.database.port import Database
from ca_service.gate.caller import Caller, CallerKind, RoleGrant
from ca_service.gate.gate import Gatekeeper
from ca_service.gate.operation import Operation
from ca_service.gate.port import Outcome, RequestContext
from ca_service.kernel.clock import Clock
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.storage import MAC_PURPOSE
from ssh_ca.artefacts import Artefacts
from ssh_ca.caller_facts import CallerFacts
from ssh_ca.catalogue import Catalogue
from ssh_ca.certificates import CertificateContent, CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.first_start import found_authorities
from ssh_ca.module import MODULE, handlers_over
from ssh_ca.operations import IssuedSshCertificate, IssueSshCertificate
from ssh_ca.public_keys import SubjectKey, parse_public_key
from ssh_ca.publication import Publisher
from ssh_ca.signatures import public_key_blob
from ssh_ca.wire import string
from tests.support.fakes.custody import custody_for
from tests.support.fakes.gate import FakeTenants
from tests.support.fakes.kernel import FakeClock
from tests.support.first_rows import make_once
from tests.support.x509_ground import ADMINISTRATOR, TENANT

_GOVERNANCE = """
action "governance:read-project" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System], resource: [Project]
};
"""


class SshGround:
    """The gate with the handlers of the SSH authority, and short ways to ask it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        policies: tuple[BuiltInPolicy, ...] = (),
        *,
        stores: tuple[KeyStore, ...] = (),
    ) -> None:
        self.database = database
        self.clock = clock
        self._is_ordinary = not (policies or stores)
        self.randomness = SystemRandomness()
        self.identifiers = RandomIdentifiers(clock, self.randomness)
        self.custody: Custody = custody_for(database, stores=stores)
        self.policy = PolicyEngine(
            database,
            join_schema([_GOVERNANCE, MODULE.schema]),
            (*MODULE.policies, *policies),
            self.custody.mac_key(MAC_PURPOSE),
            self.identifiers,
        )
        self.audit = AuditTrail(database, self.custody, clock, self.identifiers)
        tenants = FakeTenants()
        tenants.projects["default"] = TENANT
        self.gate = Gatekeeper(
            {}, database, self.policy, self.audit, self.custody, tenants, None, clock, self.identifiers
        )
        self.catalogue = Catalogue(database, self.custody, self.policy)
        self.publisher = Publisher(self.gate, database, self.identifiers)
        self.artefacts = Artefacts(self.catalogue, tenants, self.publisher)
        self.gate.register(
            handlers_over(
                database,
                self.custody,
                self.catalogue,
                self.identifiers,
                self.randomness,
                self.publisher,
            )
        )

    async def start(self) -> "SshGround":
        """Do what first start does, or leave what it leaves."""
        found = partial(found_authorities, self.gate, self.identifiers, ADMINISTRATOR)
        await (make_once(self.database, "ssh", found) if self._is_ordinary else found())
        return self

    async def perform(self, operation: Operation[Any], caller: Caller = ADMINISTRATOR, key: str = "") -> Any:
        """Return the answer of an operation."""
        return (await self.outcome(operation, caller, key)).answer

    async def outcome(
        self, operation: Operation[Any], caller: Caller = ADMINISTRATOR, key: str = ""
    ) -> Outcome[Any]:
        """Return the outcome of an operation, performed under an idempotency key if one is given."""
        return await self.gate.perform(caller, operation, RequestContext("req_test", key or None))

    async def issue(
        self, *principals: str, caller: Caller = ADMINISTRATOR, key: str = "", **fields: Any
    ) -> IssuedSshCertificate:
        """Certify a fresh key, or `public_key`, for principals."""
        fields.setdefault("profile", "user")
        fields.setdefault("public_key", key_line())
        operation = IssueSshCertificate(project="default", principals=principals, **fields)
        answer: IssuedSshCertificate = await self.perform(operation, caller, key)
        return answer


def key_line(key: Any = None) -> str:
    """Return the line of a public key, of a fresh Ed25519 key if none is given."""
    key = key or ed25519.Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    line: bytes = key.public_key().public_bytes(encoding, form)
    return line.decode("ascii")


def fido_key_line(kind: str = "sk-ssh-ed25519@openssh.com", application: str = "ssh:") -> str:
    """Return the line of a key that pretends to live in a FIDO token."""
    from base64 import b64encode

    if "ed25519" in kind:
        fields = string(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    else:
        point = ec.generate_private_key(ec.SECP256R1()).public_key()
        encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        fields = string(b"nistp256") + string(point.public_bytes(encoding, form))
    blob = string(kind.encode()) + fields + string(application.encode())
    return f"{kind} {b64encode(blob).decode('ascii')}"


def every_subject_key() -> dict[str, SubjectKey]:
    """Return one key of each type that is certified."""
    lines = [
        key_line(),
        key_line(ec.generate_private_key(ec.SECP256R1())),
        key_line(ec.generate_private_key(ec.SECP384R1())),
        key_line(ec.generate_private_key(ec.SECP521R1())),
        key_line(rsa.generate_private_key(65537, 2048)),
        fido_key_line(),
        fido_key_line("sk-ecdsa-sha2-nistp256@openssh.com"),
    ]
    return {line.split(" ")[0]: parse_public_key(line) for line in lines}


def make_signer(algorithm: KeyAlgorithm = KeyAlgorithm.ED25519) -> tuple[Signer, bytes]:
    """Return an authority's signer and its public key in wire format."""
    signer = generate_key(algorithm).signer("key_test")
    return signer, public_key_blob(signer.public_key)


def make_content(subject_key: SubjectKey, clock: Clock, **changes: Any) -> CertificateContent:
    """Return what an ordinary user certificate says."""
    now = clock.now().replace(microsecond=0)
    fields: dict[str, Any] = {
        "subject_key": subject_key,
        "serial_number": 7,
        "type": CertificateType.USER,
        "key_id": "idn_alice",
        "principals": ("alice", "ops"),
        "valid_after": now - timedelta(minutes=1),
        "valid_before": now + timedelta(hours=1),
        "critical_options": {"force-command": "id -un", "source-address": "127.0.0.0/8,::1/128"},
        "extensions": {"permit-pty": "", "permit-X11-forwarding": "", "login@github.com": "octocat"},
    }
    return CertificateContent(**{**fields, **changes})


def unknown_certificate_line() -> str:
    """Return a certificate of an authority that nobody knows."""
    signer, authority = make_signer()
    content = make_content(parse_public_key(key_line()), FakeClock())
    return certificate_line(sign_certificate(content, signer, authority, bytes(32)))


def person_facts(name: str = "alice", *roles: RoleGrant, address: str = "192.0.2.7") -> CallerFacts:
    """Return what a profile may know of a caller of this name with these roles."""
    caller = Caller(
        kind=CallerKind.IDENTITY,
        id="idn_person",
        name=name,
        address=address,
        authenticated_by="test",
        organization=TENANT.organization,
        project=TENANT.project,
        roles=roles,
    )
    return CallerFacts(caller, TENANT)
