"""Organizations: made and shown."""

from collections.abc import Mapping
from typing import Any

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.principals import principal_of
from ca_service.governance.operations import (
    CreateOrganization,
    Found,
    ListOrganizations,
    ReadOrganization,
)
from ca_service.governance.places import Organization
from ca_service.governance.resources import (
    SEE_ORGANIZATION,
    access_to_organization,
    instance,
)
from ca_service.governance.slugs import parse_slug
from ca_service.governance.storage import (
    find_organization,
    insert_organization,
    list_organizations,
    list_organizations_among,
)
from ca_service.identity.roles import ADMINISTRATOR
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import OrganizationId
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.values import Access, Grant


def slug_taken(slug: str) -> ConflictError:
    """Return the error for a slug that is or was in use."""
    return ConflictError(
        f"The slug {slug!r} is taken, or was once; choose another.", field="slug", rule="unique"
    )


class CreateOrganizationHandler(Handler[CreateOrganization, Organization, Organization, Organization]):
    """Makes an organization."""

    def __init__(self, identifiers: Identifiers) -> None:
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateOrganization) -> Prepared[Organization]:
        organization = Organization(
            id=OrganizationId(self._identifiers.new("org")),
            slug=parse_slug(operation.slug),
            name=operation.name,
            created_at=call.now,
            created_by=call.caller.id,
        )
        access = Access(operation.action, instance(), visible_by=operation.action)
        details = {"organization": organization.id, "slug": organization.slug}
        return Prepared(organization, (access,), details)

    async def sign(self, call: Call, draft: Organization, grant: Grant) -> Organization:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: Organization) -> Organization:
        del call
        try:
            await insert_organization(transaction, signed)
        except UniqueViolationError as error:
            raise slug_taken(signed.slug) from error
        return signed

    def details(self, answer: Organization) -> Mapping[str, Any]:
        return {"organization": answer.id}


class ListOrganizationsReader(Reader[ListOrganizations, Found[Organization]]):
    """Lists the organizations that the caller may see; each is decided by itself."""

    def __init__(self, database: Database, policy: PolicyEngine) -> None:
        self._database = database
        self._policy = policy

    async def prepare(self, call: Call, operation: ListOrganizations) -> Prepared[Found[Organization]]:
        principal = principal_of(call.caller)
        seen: list[Organization] = []
        after = operation.after or ""
        while len(seen) <= operation.limit:
            batch = await self._candidates(call, after, operation.limit + 1)
            for organization in batch:
                access = access_to_organization(SEE_ORGANIZATION, organization.id)
                if (await self._policy.decide(principal, access)).allowed:
                    seen.append(organization)
            if len(batch) <= operation.limit:
                break
            after = batch[-1].id
        page = seen[: operation.limit]
        found = Found(tuple(page), page[-1].id if len(seen) > operation.limit else None)
        return Prepared(found, (Access(operation.action, instance(), visible_by=operation.action),))

    async def _candidates(self, call: Call, after: str, limit: int) -> list[Organization]:
        caller = call.caller
        if ADMINISTRATOR in caller.roles:
            return await list_organizations(self._database, after, limit)
        scopes = [grant.scope for grant in caller.roles]
        if caller.organization is not None:
            scopes.append(caller.organization)
        return await list_organizations_among(self._database, scopes, after, limit)


class ReadOrganizationReader(Reader[ReadOrganization, Organization]):
    """Shows one organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, call: Call, operation: ReadOrganization) -> Prepared[Organization]:
        del call
        organization = await find_organization(self._database, operation.organization)
        if organization is None:
            raise NotFoundError("organization")
        return Prepared(organization, (access_to_organization(operation.action, organization.id),))
