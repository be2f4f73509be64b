"""An SSH authority with hosts over the real gate, and hosts that sign as `ssh-keygen -Y sign` would."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from msgspec import Struct

from ca_service.custody.signers import Signer
from ca_service.database.port import Database
from ca_service.gate.caller import Caller, CallerKind
from ca_service.identity.errors import SponsorRefusedError
from ssh_ca.host_callers import EnrolmentAnswer, HostAnswer, HostAuthenticator, ProvenHost
from ssh_ca.host_handlers import host_handlers
from ssh_ca.host_proofs import NAMESPACE, proof_message
from ssh_ca.hosts import LoginMapping, MappingScope, SshHost
from ssh_ca.operations.hosts import (
    CreateHostToken,
    CreateLoginMapping,
    EnrolSshHost,
    HostCredentials,
    NewHostToken,
    RenewSshHost,
)
from ssh_ca.signatures import public_key_line
from ssh_ca.signed_files import sign_file
from tests.support.fakes.gate import FakeTenants
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import SshGround, make_signer
from tests.support.x509_ground import TENANT

PROJECT = "default"
ADDRESS = "192.0.2.7"


class HostKey(Struct, frozen=True):
    """A host key and what signs with it."""

    signer: Signer
    blob: bytes
    line: str

    @classmethod
    def new(cls) -> "HostKey":
        """Return a fresh Ed25519 key."""
        signer, blob = make_signer()
        return cls(signer, blob, public_key_line(blob, "").strip())

    def sign(self, message: bytes, namespace: str = NAMESPACE) -> str:
        """Return the armoured signature of a message."""
        return sign_file(message, namespace, self.signer, self.blob).decode()


class FakeSponsors:
    """Identities that may act: all but those that were disabled."""

    def __init__(self) -> None:
        self.disabled: set[str] = set()

    async def sponsor(self, identity: str) -> Caller:
        """Return the identity. Raises SponsorRefusedError."""
        if identity in self.disabled:
            raise SponsorRefusedError
        return Caller(
            kind=CallerKind.IDENTITY, id=identity, name=identity, address="", authenticated_by="test"
        )


class HostGround(SshGround):
    """The same gate with the handlers of hosts."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        super().__init__(database, clock)
        self._time = clock
        self.sponsors = FakeSponsors()
        tenants = FakeTenants()
        tenants.projects[PROJECT] = TENANT
        self.hosts = HostAuthenticator(
            database, self.custody, tenants, self.sponsors, self.identifiers, self.randomness
        )
        self.gate.register(
            host_handlers(
                self.catalogue, self.custody, self.gate, self.sponsors, self.identifiers, self.randomness
            )
        )

    def challenge(self) -> str:
        """Return a challenge; no two are made at one time."""
        self._time.advance(timedelta(milliseconds=1))
        return self.hosts.challenge()

    async def token(self, host: str = "web.example", **fields: Any) -> NewHostToken:
        """Make a token."""
        made: NewHostToken = await self.perform(CreateHostToken(project=PROJECT, host=host, **fields))
        return made

    async def newcomer(self, token: str, key: HostKey, *names: str, **changes: Any) -> ProvenHost:
        """Prove a new host's key and token, as the door is sent them."""
        challenge = self.challenge()
        message = proof_message(
            "enrol", PROJECT, names[0], challenge, *names, key.line, sha256(token.encode()).hexdigest()
        )
        sent = {
            "challenge": challenge,
            "names": names,
            "public_keys": (key.line,),
            "signatures": (key.sign(message),),
            "token": token,
        }
        return await self.hosts.newcomer(PROJECT, EnrolmentAnswer(**{**sent, **changes}), ADDRESS)

    async def enrol(
        self, *names: str, key: HostKey | None = None, token: str = "", **fields: Any
    ) -> HostCredentials:
        """Enrol a host with a token that is made for it, or with `token`."""
        names = names or ("web.example",)
        text = token or (await self.token(names[0], names=names[1:], **fields)).token.reveal()
        proven = await self.newcomer(text, key or HostKey.new(), *names)
        return await self.enrol_as(proven)

    async def enrol_as(self, proven: ProvenHost, **changes: Any) -> HostCredentials:
        """Perform the enrolment of a host that proved itself."""
        asked = {
            "names": proven.names,
            "public_keys": proven.public_keys,
            "proved_at": proven.proved_at,
            "token": proven.token,
        }
        operation = EnrolSshHost(project=PROJECT, **{**asked, **changes})
        answer: HostCredentials = await self.perform(operation, proven.caller)
        return answer

    async def prove(self, host: SshHost, key: HostKey, verb: str = "renew", **changes: Any) -> ProvenHost:
        """Prove a host of the inventory."""
        challenge = changes.pop("challenge", None) or self.challenge()
        message = proof_message(verb, PROJECT, host.id, challenge)
        sent = {"challenge": challenge, "public_key": key.line, "signature": key.sign(message)}
        return await self.hosts.of_host("renew", PROJECT, host.id, HostAnswer(**{**sent, **changes}), ADDRESS)

    async def renew(self, host: SshHost, proven: ProvenHost) -> HostCredentials:
        """Renew a host as one that proved itself."""
        operation = RenewSshHost(project=PROJECT, host=host.id, proved_at=proven.proved_at)
        answer: HostCredentials = await self.perform(operation, proven.caller)
        return answer

    async def map(self, account: str, *principals: str, **fields: Any) -> LoginMapping:
        """Make a login mapping, for all hosts unless told otherwise."""
        fields.setdefault("scope", MappingScope.PROJECT)
        operation = CreateLoginMapping(project=PROJECT, account=account, principals=principals, **fields)
        made: LoginMapping = await self.perform(operation)
        return made
