"""Client secrets of machine identities: made, listed and revoked."""

import msgspec
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.identity.credentials import CredentialHash
from ca_service.identity.handlers.identities import SEE_IDENTITY, OrganizationIdentities, resource_of
from ca_service.identity.identities import ClientSecret, MachineIdentity, verify_uses
from ca_service.identity.networks import parse_networks
from ca_service.identity.opaque import CLIENT_SECRET_MARK
from ca_service.identity.operations import (
    ClientSecretPage,
    ClientSecretRecord,
    CreateClientSecret,
    ListClientSecrets,
    NewClientSecret,
    RevokeClientSecret,
)
from ca_service.identity.roles import ADMINISTRATOR, Generations, RoleSource
from ca_service.identity.storage import ClientSecretRows
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Access, Grant


def record_of(secret: ClientSecret) -> ClientSecretRecord:
    """Return a client secret as it is shown."""
    return ClientSecretRecord(
        id=secret.id,
        client_id=secret.identity,
        description=secret.description,
        created_at=secret.created_at,
        expires_at=secret.expires_at,
        uses_left=secret.uses_left,
        networks=secret.networks,
        last_used_at=secret.last_used_at,
    )


class MintedClientSecret(Struct, frozen=True):
    """A client secret to be recorded, and its text to be answered after that."""

    kept: ClientSecret
    text: SecretValue[str]


class CreateClientSecretHandler(
    Handler[CreateClientSecret, ClientSecret, MintedClientSecret, NewClientSecret]
):
    """Makes a client secret."""

    def __init__(
        self,
        identities: OrganizationIdentities,
        custody: Custody,
        identifiers: Identifiers,
        randomness: Randomness,
        roles: RoleSource,
    ) -> None:
        self._identities = identities
        self._identifiers = identifiers
        self._randomness = randomness
        self._roles = roles
        self._hash = CredentialHash(custody, CLIENT_SECRET_MARK)
        self._rows = ClientSecretRows(custody)

    async def prepare(self, call: Call, operation: CreateClientSecret) -> Prepared[ClientSecret]:
        identity = await self._identities.find(operation.organization, operation.identity)
        verify_uses(operation.uses, field="uses")
        draft = ClientSecret(
            id=self._identifiers.new(self._hash.prefix),
            organization=identity.organization,
            project=identity.project,
            identity=identity.id,
            description=operation.description,
            tag=b"",
            created_at=call.now,
            expires_at=None if operation.ttl is None else call.now + operation.ttl,
            uses_left=operation.uses,
            networks=parse_networks(operation.networks, field="networks"),
        )
        held = await self._roles.roles_of(identity.id, call.now)
        access = Access(
            operation.action,
            resource_of(identity),
            visible_by=SEE_IDENTITY,
            context={"covered": ADMINISTRATOR not in held.grants or ADMINISTRATOR in call.caller.roles},
            ttl=operation.ttl,
        )
        return Prepared(draft, (access,), {"identity": identity.id, "client_secret": draft.id})

    async def sign(self, call: Call, draft: ClientSecret, grant: Grant) -> MintedClientSecret:
        text, tag = self._hash.mint(draft.id, self._randomness)
        expires_at = draft.expires_at
        if expires_at is None and grant.max_ttl is not None:
            expires_at = call.now + grant.max_ttl
        return MintedClientSecret(msgspec.structs.replace(draft, tag=tag, expires_at=expires_at), text)

    async def record(
        self, transaction: Transaction, call: Call, signed: MintedClientSecret
    ) -> NewClientSecret:
        del call
        await self._rows.insert(transaction, signed.kept)
        return NewClientSecret(record=record_of(signed.kept), client_secret=signed.text)


class ListClientSecretsReader(Reader[ListClientSecrets, ClientSecretPage]):
    """Lists an identity's client secrets."""

    def __init__(self, identities: OrganizationIdentities, custody: Custody) -> None:
        self._identities = identities
        self._rows = ClientSecretRows(custody)

    async def prepare(self, call: Call, operation: ListClientSecrets) -> Prepared[ClientSecretPage]:
        del call
        identity = await self._identities.find(operation.organization, operation.identity)
        found = await self._rows.page(
            self._identities.database, identity, operation.after or "", operation.limit + 1
        )
        page = found[: operation.limit]
        next_key = page[-1].id if len(found) > operation.limit else None
        access = Access(operation.action, resource_of(identity), visible_by=SEE_IDENTITY)
        answer = ClientSecretPage(tuple(record_of(one) for one in page), next_key)
        return Prepared(answer, (access,), {"identity": identity.id})


class Revocation(Struct, frozen=True):
    """Which secret of which identity is to end."""

    identity: MachineIdentity
    client_secret: str


class RevokeClientSecretHandler(Handler[RevokeClientSecret, Revocation, ClientSecret, None]):
    """Ends a client secret and the tokens obtained with it."""

    def __init__(
        self, identities: OrganizationIdentities, custody: Custody, generations: Generations
    ) -> None:
        self._identities = identities
        self._generations = generations
        self._rows = ClientSecretRows(custody)

    async def prepare(self, call: Call, operation: RevokeClientSecret) -> Prepared[Revocation]:
        del call
        identity = await self._identities.find(operation.organization, operation.identity)
        access = Access(operation.action, resource_of(identity), visible_by=SEE_IDENTITY)
        draft = Revocation(identity, operation.client_secret)
        return Prepared(draft, (access,), {"identity": identity.id, "client_secret": draft.client_secret})

    async def sign(self, call: Call, draft: Revocation, grant: Grant) -> ClientSecret:
        # Only now may the caller know whether the identity has such a secret.
        del call, grant
        secret = await self._rows.find(self._identities.database, draft.identity, draft.client_secret)
        if secret is None:
            raise NotFoundError("client secret")
        return secret

    async def record(self, transaction: Transaction, call: Call, signed: ClientSecret) -> None:
        def revoke(current: ClientSecret) -> ClientSecret:
            return msgspec.structs.replace(current, revoked_at=current.revoked_at or call.now)

        await self._rows.change(transaction, signed.organization, signed.id, revoke)
        await self._generations.raise_generation(transaction)
