"""The KMS over the real gate, policy, trail and custody, and its door in process."""

from base64 import b64encode
from typing import Any

import msgspec

from ca_service.audit.search import AuditFilter, NumberedEntry
from ca_service.audit.trail import AuditTrail
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.gate import Gatekeeper
from ca_service.gate.operation import Operation
from ca_service.gate.port import RequestContext
from ca_service.kernel.clock import Clock
from ca_service.kernel.identifiers import RandomIdentifiers
from ca_service.kernel.randomness import SystemRandomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.schema import join_schema
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.storage import MAC_PURPOSE
from secrets_core.kms.catalogue import Catalogue
from secrets_core.kms.destruction import Destroyer
from secrets_core.kms.http import ROUTES
from secrets_core.kms.keys import KmsAlgorithm, KmsKey
from secrets_core.kms.module import MODULE, handlers_over
from secrets_core.kms.operations import (
    CiphertextItem,
    CreateKmsKey,
    DecryptWithKmsKey,
    EncryptWithKmsKey,
    PlaintextItem,
)
from tests.support.fakes.custody import custody_for
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
BASE = "/v1/projects/default/kms"


class KmsGround:
    """The gate with the handlers of the KMS, and short ways to ask it."""

    def __init__(self, database: Database, clock: Clock, policies: tuple[BuiltInPolicy, ...] = ()) -> None:
        self.database = database
        randomness = SystemRandomness()
        identifiers = RandomIdentifiers(clock, randomness)
        self.custody = custody_for(database)
        self.policy = PolicyEngine(
            database,
            join_schema([_GOVERNANCE, MODULE.schema]),
            (*MODULE.policies, ALICE, *policies),
            self.custody.mac_key(MAC_PURPOSE),
            identifiers,
        )
        self.audit = AuditTrail(database, self.custody, clock, identifiers)
        tenants = FakeTenants()
        tenants.projects["default"] = tenants.projects[TENANT.project] = TENANT
        self.gate = Gatekeeper(
            {}, database, self.policy, self.audit, self.custody, tenants, None, clock, identifiers
        )
        self.catalogue = Catalogue(database, self.custody, self.policy)
        self.gate.register(handlers_over(self.catalogue, identifiers, randomness))
        self.destroyer = Destroyer(self.gate, database, identifiers)
        gate: Any = self.gate
        self._front = InProcess(ROUTES, gate=gate).front

    async def perform(self, operation: Operation[Any], caller: Caller = ADMINISTRATOR, key: str = "") -> Any:
        """Return the answer of an operation, performed under an idempotency key if one is given."""
        outcome = await self.gate.perform(caller, operation, RequestContext("req_test", key or None))
        return outcome.answer

    async def make(self, name: str = "app", algorithm: KmsAlgorithm = KmsAlgorithm.AES_256_GCM) -> KmsKey:
        """Make a key."""
        made: KmsKey = await self.perform(CreateKmsKey(project="default", name=name, algorithm=algorithm))
        return made

    async def encrypt(self, plaintext: bytes, name: str = "app", aad: bytes = b"") -> str:
        """Return a ciphertext of a key."""
        item = PlaintextItem(plaintext=SecretValue(b64(plaintext)), aad=b64(aad))
        results = await self.perform(EncryptWithKmsKey(project="default", key=name, items=(item,)))
        ciphertext: str = results.items[0].ciphertext
        return ciphertext

    async def decrypt(self, ciphertext: str, name: str = "app", aad: bytes = b"") -> bytes:
        """Return the plaintext of a ciphertext."""
        item = CiphertextItem(ciphertext=ciphertext, aad=b64(aad))
        results = await self.perform(DecryptWithKmsKey(project="default", key=name, items=(item,)))
        plaintext: bytes = results.items[0].plaintext.reveal()
        return plaintext

    async def trail(self) -> list[NumberedEntry]:
        """Return the entries of the trail, oldest first."""
        await self.audit.sequence()
        return [*reversed(await self.audit.search(AuditFilter(organization=None)))]

    async def call(self, method: str, path: str, value: Any = None, *, raw: bytes | None = None) -> Answered:
        """Answer a request of Alice; `path` is below the KMS of the project."""
        target, _, query = f"{BASE}/{path}".partition("?")
        body = b"" if value is None else msgspec.json.encode(value)
        body = body if raw is None else raw
        headers = [(b"host", b"ca.example"), (b"authorization", f"Bearer {ALICES_TOKEN}".encode())]
        if body:
            headers.append((b"content-type", b"application/json"))
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


def b64(data: bytes) -> str:
    """Return base64 as the KMS reads and writes it."""
    return b64encode(data).decode("ascii")
