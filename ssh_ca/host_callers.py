"""From what a host proved to the caller that it is: an `SshHost` of its own project, and nobody else.

Whatever is wrong is told alike, so that a stranger learns nothing of what is in a project.
"""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import TypeVar

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.port import Sponsors, Tenants
from ca_service.kernel.errors import KeywrightError, UnauthenticatedError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.tenancy import Tenant
from ssh_ca.errors import HostUnknownError
from ssh_ca.host_certificates import verify_holder
from ssh_ca.host_proofs import Challenges, proof_message, verify_proof
from ssh_ca.host_rows import HostRows
from ssh_ca.host_tokens import HostTokenHash, token_id_of
from ssh_ca.hosts import HostStatus, HostToken, parse_host_keys, parse_host_names
from ssh_ca.public_keys import parse_public_key
from ssh_ca.storage.host_tokens import find_host_token
from ssh_ca.storage.hosts import find_host, find_host_by_name, has_good_certificate

T = TypeVar("T")


class HostAnswer(Struct, frozen=True, kw_only=True):
    """What a host sends to prove itself: the challenge, one of its keys and the signature made with it."""

    challenge: str
    public_key: str
    signature: str


class EnrolmentAnswer(Struct, frozen=True, kw_only=True):
    """What a new host sends: its names and keys, a signature with each key, and why it may come in.

    That is a token, or a certificate (PEM) with a signature by its key over what the host keys signed.
    """

    challenge: str
    names: tuple[str, ...]
    public_keys: tuple[str, ...]
    signatures: tuple[str, ...]
    token: str | None = None
    certificate: str | None = None
    certificate_signature: bytes = b""


class ProvenHost(Struct, frozen=True, kw_only=True):
    """A host that proved itself. `token` or `certificate` is the id of what lets a new one in."""

    caller: Caller
    proved_at: datetime
    names: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()
    token: str | None = None
    certificate: str | None = None


class HostAuthenticator:
    """Establishes hosts as callers."""

    def __init__(
        self,
        database: Database,
        custody: Custody,
        tenants: Tenants,
        sponsors: Sponsors,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._sponsors = sponsors
        self._identifiers = identifiers
        self._challenges = Challenges(custody.mac_key("ssh-host-challenge"), randomness)
        self._hash = HostTokenHash(custody, randomness)
        self._rows = HostRows(custody)

    def challenge(self) -> str:
        """Return a fresh challenge."""
        return self._challenges.mint(self._database.now())

    async def of_host(
        self, verb: str, project: str, host_id: str, answered: HostAnswer, address: str
    ) -> ProvenHost:
        """Return the host of the inventory that answered. Raises UnauthenticatedError.

        The key must be one of the host's, with a certificate that is neither expired nor revoked.
        """
        made_at = self._challenges.parse(answered.challenge, self._database.now())
        tenant = await self._tenant(project)
        host = await find_host(self._database, self._rows.host_mac, tenant, host_id)
        key = _readable(lambda: parse_public_key(answered.public_key))
        if host is None or host.status is not HostStatus.ACTIVE or key.line not in host.keys:
            raise HostUnknownError
        verify_proof(key, proof_message(verb, project, host_id, answered.challenge), answered.signature)
        if not await has_good_certificate(self._database, host, key.fingerprint):
            raise HostUnknownError
        caller = host_caller(host.id, host.name, tenant, address, "ssh-host-key", key.fingerprint)
        return ProvenHost(caller=caller, proved_at=made_at)

    async def newcomer(self, project: str, answered: EnrolmentAnswer, address: str) -> ProvenHost:
        """Return who asks to be taken into the inventory. Raises UnauthenticatedError, and for bad names or
        keys what `parse_host_names` and `parse_host_keys` raise.
        """
        made_at = self._challenges.parse(answered.challenge, self._database.now())
        tenant = await self._tenant(project)
        names = tuple(name.value for name in parse_host_names(answered.names))
        keys = parse_host_keys(answered.public_keys)
        shown = answered.token if answered.token is not None else answered.certificate or ""
        asked = (*names, *(key.line for key in keys), sha256(shown.encode("utf-8", "replace")).hexdigest())
        message = proof_message("enrol", project, names[0], answered.challenge, *asked)
        if len(answered.signatures) != len(keys):
            raise HostUnknownError
        for key, signature in zip(keys, answered.signatures, strict=True):
            verify_proof(key, message, signature)
        token = certificate = None
        if answered.token is not None:
            token = await self._token(tenant, answered.token)
        elif answered.certificate is not None:
            holder = await verify_holder(
                self._database, tenant, answered.certificate, message, answered.certificate_signature
            )
            certificate = holder.id
        else:
            raise HostUnknownError
        known = await find_host_by_name(self._database, self._rows.host_mac, tenant, names[0])
        host_id = self._identifiers.new("shh") if known is None else known.id
        method, credential = ("host-token", token) if token is not None else ("x509", certificate or "")
        return ProvenHost(
            caller=host_caller(host_id, names[0], tenant, address, method, credential),
            proved_at=made_at,
            names=names,
            public_keys=tuple(key.line for key in keys),
            token=token,
            certificate=certificate,
        )

    async def _tenant(self, project: str) -> Tenant:
        try:
            return await self._tenants.project(project)
        except KeywrightError as error:
            raise HostUnknownError from error

    async def _token(self, tenant: Tenant, text: str) -> str:
        token_id = token_id_of(text)
        if token_id is None:
            raise HostUnknownError
        token = await find_host_token(self._database, self._rows.token_mac, tenant, token_id)
        if token is None or not compare_digest(token.tag, self._hash.tag(text)):
            raise HostUnknownError
        if not token.is_usable(self._database.now()):
            raise HostUnknownError
        await self._verify_owner(token)
        return token.id

    async def _verify_owner(self, token: HostToken) -> None:
        """Refuse the token of an identity that may not act any more (S15)."""
        if token.owner:
            try:
                await self._sponsors.sponsor(token.owner)
            except UnauthenticatedError:
                raise HostUnknownError from None


def host_caller(
    host_id: str, name: str, tenant: Tenant, address: str, method: str, credential: str
) -> Caller:
    """Return a host as the gate knows it, in its own project."""
    return Caller(
        kind=CallerKind.SSH_HOST,
        id=host_id,
        name=name,
        address=address,
        authenticated_by=method,
        credential=credential,
        organization=tenant.organization,
        project=tenant.project,
    )


def _readable(parse: Callable[[], T]) -> T:
    """Return what `parse` does; what cannot be read is told like all else that is wrong."""
    try:
        return parse()
    except KeywrightError:
        raise HostUnknownError from None
