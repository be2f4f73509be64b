"""Stored policies of a project, and the explanation of decisions."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.governance.operations import (
    CreatePolicy,
    DeletePolicy,
    Found,
    ListPolicies,
    PolicyRecord,
    ReadPolicy,
    UpdatePolicy,
)
from ca_service.governance.resources import access_to_project
from ca_service.governance.slugs import parse_slug
from ca_service.kernel.errors import ConflictError, NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.storage import (
    MAC_PURPOSE,
    StoredPolicy,
    delete_policy,
    find_policy,
    insert_policy,
    list_policies,
    update_policy,
)
from ca_service.policy.values import Grant


class ProjectPolicies:
    """The stored policies of a project; what all handlers here share."""

    def __init__(self, database: Database, custody: Custody, engine: PolicyEngine) -> None:
        self.engine = engine
        self._database = database
        self._key = custody.mac_key(MAC_PURPOSE)

    async def find(self, tenant: Tenant, policy_id: str) -> StoredPolicy:
        """Return a policy of the project. Raises NotFoundError."""
        found = await find_policy(self._database, self._key, tenant.organization, tenant.project, policy_id)
        if found is None:
            raise NotFoundError("policy")
        return found

    async def page(self, tenant: Tenant, after: str, limit: int) -> list[StoredPolicy]:
        """Return the project's policies by name, those behind `after`."""
        return await list_policies(
            self._database, self._key, tenant.organization, tenant.project, after=after, limit=limit
        )

    async def insert(self, transaction: Transaction, policy: StoredPolicy) -> None:
        """Store a new policy. Raises ConflictError if the project has one of this name."""
        try:
            await insert_policy(transaction, self._key, policy)
        except UniqueViolationError as error:
            raise ConflictError(
                f"The project has a policy {policy.name!r} already.", field="name", rule="unique"
            ) from error
        await self.engine.raise_generation(transaction)

    async def update(self, transaction: Transaction, before: StoredPolicy, after: StoredPolicy) -> None:
        """Replace a policy. Raises ConflictError if it changed since it was read."""
        if not await update_policy(transaction, self._key, before, after):
            raise ConflictError(
                "This policy was changed at the same time. Read it again, then repeat the change."
            )
        await self.engine.raise_generation(transaction)

    async def delete(self, transaction: Transaction, tenant: Tenant, policy_id: str) -> None:
        """Delete a policy. Raises NotFoundError."""
        if not await delete_policy(transaction, tenant.organization, tenant.project, policy_id):
            raise NotFoundError("policy")
        await self.engine.raise_generation(transaction)


def record_of(policy: StoredPolicy) -> PolicyRecord:
    """Return a policy as it is shown."""
    return PolicyRecord(
        id=policy.id,
        organization=OrganizationId(policy.organization),
        project=ProjectId(policy.project),
        name=policy.name,
        text=policy.text,
        enabled=policy.is_enabled,
        created_at=policy.created_at,
        created_by=policy.created_by,
    )


class CreatePolicyHandler(Handler[CreatePolicy, StoredPolicy, StoredPolicy, PolicyRecord]):
    """Stores a policy."""

    def __init__(self, policies: ProjectPolicies, identifiers: Identifiers) -> None:
        self._policies = policies
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreatePolicy) -> Prepared[StoredPolicy]:
        self._policies.engine.verify_policy(operation.text)
        policy = StoredPolicy(
            id=self._identifiers.new("pol"),
            organization=call.home.organization,
            project=call.home.project,
            name=parse_slug(operation.name, field="name"),
            text=operation.text,
            is_enabled=operation.enabled,
            created_at=call.now,
            created_by=call.caller.id,
        )
        details: Mapping[str, Any] = {
            "change": "created",
            "policy": policy.id,
            "name": policy.name,
            "text": policy.text,
            "enabled": policy.is_enabled,
        }
        return Prepared(policy, (access_to_project(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: StoredPolicy, grant: Grant) -> StoredPolicy:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: StoredPolicy) -> PolicyRecord:
        del call
        await self._policies.insert(transaction, signed)
        return record_of(signed)


class ListPoliciesReader(Reader[ListPolicies, Found[PolicyRecord]]):
    """Lists a project's policies."""

    def __init__(self, policies: ProjectPolicies) -> None:
        self._policies = policies

    async def prepare(self, call: Call, operation: ListPolicies) -> Prepared[Found[PolicyRecord]]:
        limit = operation.limit
        rows = await self._policies.page(call.home, operation.after or "", limit + 1)
        page = tuple(record_of(row) for row in rows[:limit])
        found = Found(page, page[-1].name if len(rows) > limit else None)
        return Prepared(found, (access_to_project(operation.action, call.home),))


class ReadPolicyReader(Reader[ReadPolicy, PolicyRecord]):
    """Shows a policy. Who may not read any of the project's is told so before, by the gate's own question."""

    def __init__(self, policies: ProjectPolicies) -> None:
        self._policies = policies

    async def prepare(self, call: Call, operation: ReadPolicy) -> Prepared[PolicyRecord]:
        policy = await self._policies.find(call.home, operation.policy)
        access = access_to_project(operation.action, call.home)
        return Prepared(record_of(policy), (access,), {"policy": policy.id})


class PolicyChange(Struct, frozen=True):
    """A policy before and after."""

    before: StoredPolicy
    after: StoredPolicy


class UpdatePolicyHandler(Handler[UpdatePolicy, UpdatePolicy, PolicyChange, PolicyRecord]):
    """Changes a policy's text, or switches it on and off."""

    def __init__(self, policies: ProjectPolicies) -> None:
        self._policies = policies

    async def prepare(self, call: Call, operation: UpdatePolicy) -> Prepared[UpdatePolicy]:
        if operation.text is not None:
            self._policies.engine.verify_policy(operation.text)
        details: Mapping[str, Any] = {
            "change": "updated",
            "policy": operation.policy,
            "text": operation.text,
            "enabled": operation.enabled,
        }
        return Prepared(operation, (access_to_project(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: UpdatePolicy, grant: Grant) -> PolicyChange:
        del grant
        before = await self._policies.find(call.home, draft.policy)
        after = msgspec.structs.replace(
            before,
            text=before.text if draft.text is None else draft.text,
            is_enabled=before.is_enabled if draft.enabled is None else draft.enabled,
        )
        return PolicyChange(before, after)

    async def record(self, transaction: Transaction, call: Call, signed: PolicyChange) -> PolicyRecord:
        del call
        await self._policies.update(transaction, signed.before, signed.after)
        return record_of(signed.after)


class DeletePolicyHandler(Handler[DeletePolicy, str, str, None]):
    """Deletes a policy."""

    def __init__(self, policies: ProjectPolicies) -> None:
        self._policies = policies

    async def prepare(self, call: Call, operation: DeletePolicy) -> Prepared[str]:
        details = {"change": "deleted", "policy": operation.policy}
        return Prepared(operation.policy, (access_to_project(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: str, grant: Grant) -> str:
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: str) -> None:
        await self._policies.delete(transaction, call.home, signed)
