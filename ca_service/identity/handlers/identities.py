"""Machine identities: made, shown, changed and ended by those who administer their organization."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.config import IdentityConfig
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.port import Tenants
from ca_service.identity.identities import NO_PROJECT, MachineIdentity, TokenTerms, verify_terms
from ca_service.identity.lockouts.lockouts import LockoutTerms, verify_lockout_terms
from ca_service.identity.networks import parse_networks
from ca_service.identity.operations import (
    CreateIdentity,
    DeleteIdentity,
    IdentityPage,
    IdentityRecord,
    ListIdentities,
    ReadIdentity,
    UpdateIdentity,
)
from ca_service.identity.roles import Generations
from ca_service.identity.storage import IdentityRows
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import OrganizationId, Tenant
from ca_service.policy.values import Access, Entity, Grant, Resource

SEE_ORGANIZATION = "governance:read-organization"
SEE_PROJECT = "governance:read-project"
SEE_IDENTITY = "identity:read"


class OrganizationIdentities:
    """Finds identities by the organization's slug or id; what all handlers of this package share."""

    def __init__(self, database: Database, custody: Custody, tenants: Tenants) -> None:
        self.database = database
        self.rows = IdentityRows(custody)
        self._tenants = tenants

    async def organization(self, name: str) -> OrganizationId:
        """Return the organization's id. Raises NotFoundError("organization")."""
        return await self._tenants.organization(name)

    async def project(self, organization: OrganizationId, name: str) -> Tenant:
        """Return a project of this organization. Raises NotFoundError("project")."""
        tenant = await self._tenants.project(name)
        if tenant.organization != organization:
            raise NotFoundError("project")
        return tenant

    async def find(self, organization: str, identity_id: str) -> MachineIdentity:
        """Return an identity that is not deleted. Raises NotFoundError."""
        identity = await self.rows.find(self.database, await self.organization(organization), identity_id)
        if identity is None or identity.deleted_at is not None:
            raise NotFoundError("identity")
        return identity


def resource_of(identity: MachineIdentity) -> Resource:
    """Return the identity as what rights are over: in its project if it has one, else its organization."""
    tenant = Tenant(identity.organization, identity.project or NO_PROJECT)
    return Resource(Entity("MachineIdentity", identity.id), "identity", tenant)


def home_of(identity: MachineIdentity) -> Resource:
    """Return the place in which an identity is made."""
    if identity.project is None:
        return Resource(Entity("Organization", identity.organization), "organization", None)
    tenant = Tenant(identity.organization, identity.project)
    return Resource(Entity("Project", identity.project), "project", tenant)


def record_of(identity: MachineIdentity) -> IdentityRecord:
    """Return an identity as it is shown."""
    return IdentityRecord(
        id=identity.id,
        organization=identity.organization,
        project=identity.project,
        name=identity.name,
        terms=identity.terms,
        disabled=identity.disabled_at is not None,
        created_at=identity.created_at,
        created_by=identity.created_by,
    )


class CreateIdentityHandler(Handler[CreateIdentity, MachineIdentity, MachineIdentity, IdentityRecord]):
    """Makes an identity that may do nothing yet."""

    def __init__(
        self, identities: OrganizationIdentities, config: IdentityConfig, identifiers: Identifiers
    ) -> None:
        self._identities = identities
        self._ceiling = timedelta(seconds=config.token_max_ttl)
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateIdentity) -> Prepared[MachineIdentity]:
        organization = await self._identities.organization(operation.organization)
        project = None
        if operation.project is not None:
            project = (await self._identities.project(organization, operation.project)).project
        verify_terms(operation.terms, self._ceiling)
        networks = parse_networks(operation.terms.networks, field="token_networks")
        identity = MachineIdentity(
            id=self._identifiers.new("idn"),
            organization=organization,
            project=project,
            name=operation.name,
            terms=msgspec.structs.replace(operation.terms, networks=networks),
            created_at=call.now,
            created_by=call.caller.id,
        )
        seeing = SEE_ORGANIZATION if project is None else SEE_PROJECT
        access = Access(operation.action, home_of(identity), visible_by=seeing)
        return Prepared(identity, (access,), {"identity": identity.id, "name": identity.name})

    async def sign(self, call: Call, draft: MachineIdentity, grant: Grant) -> MachineIdentity:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: MachineIdentity) -> IdentityRecord:
        del call
        await self._identities.rows.insert(transaction, signed)
        return record_of(signed)


class ListIdentitiesReader(Reader[ListIdentities, IdentityPage]):
    """Lists an organization's identities."""

    def __init__(self, identities: OrganizationIdentities) -> None:
        self._identities = identities

    async def prepare(self, call: Call, operation: ListIdentities) -> Prepared[IdentityPage]:
        del call
        organization = await self._identities.organization(operation.organization)
        found = await self._identities.rows.page(
            self._identities.database, organization, operation.after or "", operation.limit + 1
        )
        page = found[: operation.limit]
        next_key = page[-1].id if len(found) > operation.limit else None
        place = Resource(Entity("Organization", organization), "organization", None)
        access = Access(operation.action, place, visible_by=SEE_ORGANIZATION)
        return Prepared(IdentityPage(tuple(record_of(one) for one in page), next_key), (access,))


class ReadIdentityReader(Reader[ReadIdentity, IdentityRecord]):
    """Shows one identity."""

    def __init__(self, identities: OrganizationIdentities) -> None:
        self._identities = identities

    async def prepare(self, call: Call, operation: ReadIdentity) -> Prepared[IdentityRecord]:
        del call
        identity = await self._identities.find(operation.organization, operation.identity)
        access = Access(operation.action, resource_of(identity), visible_by=SEE_IDENTITY)
        return Prepared(record_of(identity), (access,), {"identity": identity.id})


class IdentityChange(Struct, frozen=True):
    """An identity before and after."""

    old: MachineIdentity
    new: MachineIdentity


class UpdateIdentityHandler(Handler[UpdateIdentity, IdentityChange, IdentityChange, IdentityRecord]):
    """Renames, disables or enables an identity."""

    def __init__(self, identities: OrganizationIdentities, generations: Generations) -> None:
        self._identities = identities
        self._generations = generations

    async def prepare(self, call: Call, operation: UpdateIdentity) -> Prepared[IdentityChange]:
        old = await self._identities.find(operation.organization, operation.identity)
        disabled_at = old.disabled_at
        if operation.disabled is not None:
            disabled_at = (old.disabled_at or call.now) if operation.disabled else None
        new = msgspec.structs.replace(
            old,
            name=operation.name or old.name,
            disabled_at=disabled_at,
            terms=_with_lockout(old.terms, operation.lockout),
        )
        access = Access(operation.action, resource_of(old), visible_by=SEE_IDENTITY)
        details: Mapping[str, Any] = {
            "identity": old.id,
            "name": new.name,
            "disabled": disabled_at is not None,
        }
        return Prepared(IdentityChange(old, new), (access,), details)

    async def sign(self, call: Call, draft: IdentityChange, grant: Grant) -> IdentityChange:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: IdentityChange) -> IdentityRecord:
        del call
        await replace_identity(self._identities, transaction, signed)
        await self._generations.raise_generation(transaction)
        return record_of(signed.new)


def _with_lockout(terms: TokenTerms, change: LockoutTerms | None) -> TokenTerms:
    """Return the terms with those of the change. Raises UnacceptableError."""
    if change is None:
        return terms
    verify_lockout_terms(change)
    kept = terms.lockout or LockoutTerms()
    lockout = LockoutTerms(
        threshold=kept.threshold if change.threshold is None else change.threshold,
        duration=change.duration or kept.duration,
        window=change.window or kept.window,
    )
    return msgspec.structs.replace(terms, lockout=lockout)


class DeleteIdentityHandler(Handler[DeleteIdentity, IdentityChange, IdentityChange, None]):
    """Ends an identity; the row stays, so that the trail's ids keep their meaning."""

    def __init__(self, identities: OrganizationIdentities, generations: Generations) -> None:
        self._identities = identities
        self._generations = generations

    async def prepare(self, call: Call, operation: DeleteIdentity) -> Prepared[IdentityChange]:
        old = await self._identities.find(operation.organization, operation.identity)
        new = msgspec.structs.replace(old, deleted_at=call.now)
        access = Access(operation.action, resource_of(old), visible_by=SEE_IDENTITY)
        return Prepared(IdentityChange(old, new), (access,), {"identity": old.id})

    async def sign(self, call: Call, draft: IdentityChange, grant: Grant) -> IdentityChange:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: IdentityChange) -> None:
        del call
        await replace_identity(self._identities, transaction, signed)
        await self._generations.raise_generation(transaction)


async def replace_identity(
    identities: OrganizationIdentities, transaction: Transaction, change: IdentityChange
) -> None:
    """Write the change. Raises ConflictError if the identity changed since it was read."""
    if not await identities.rows.replace(transaction, change.old, change.new):
        raise ConflictError(
            "This identity was changed at the same time. Read it again, then repeat the change."
        )
