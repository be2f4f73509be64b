"""Why a decision falls as it does, for those who administer the place."""

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.caller import CallerKind
from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.governance.memberships import INSTANCE_SCOPE
from ca_service.governance.operations import ExplainDecision, ExplainProjectDecision, Supposition
from ca_service.governance.resources import access_to_project, instance
from ca_service.governance.tenants import StoredRoles
from ca_service.identity.roles import ADMINISTRATOR
from ca_service.identity.storage import IdentityRows
from ca_service.identity.tokens import INSTANCE_ADMINISTRATOR
from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.explanation import Explanation
from ca_service.policy.values import Access, Entity, Principal, Resource


class Explainer:
    """Puts suppositions to the policy engine."""

    def __init__(self, database: Database, custody: Custody, engine: PolicyEngine) -> None:
        self._database = database
        self._engine = engine
        self._identities = IdentityRows(custody)
        self._roles = StoredRoles(database, custody)

    async def explain(self, supposed: Supposition, tenant: Tenant | None) -> Explanation:
        """Return the explanation; in a tenant, only with what the tenant may know of the principal."""
        principal = Principal(supposed.principal, await self._parents(supposed.principal, tenant))
        resource = Resource(supposed.resource, "resource", tenant, supposed.attributes)
        access = Access(
            supposed.action,
            resource,
            visible_by=supposed.action,
            context=supposed.context,
            ttl=supposed.ttl,
        )
        return await self._engine.explain(principal, access)

    async def _parents(self, principal: Entity, tenant: Tenant | None) -> tuple[Entity, ...]:
        if principal.type != CallerKind.IDENTITY.value:
            return ()
        if principal.id == INSTANCE_ADMINISTRATOR:
            return (Entity("Role", f"{ADMINISTRATOR.scope}/{ADMINISTRATOR.role}"),)
        if tenant is not None:
            known = await self._identities.find(self._database, tenant.organization, principal.id)
            if known is None:
                return ()
        held = await self._roles.roles_of(principal.id, self._database.now())
        scopes = {INSTANCE_SCOPE, tenant.organization, tenant.project} if tenant is not None else None
        return tuple(
            Entity("Role", f"{grant.scope}/{grant.role}")
            for grant in held.grants
            if scopes is None or grant.scope in scopes
        )


class ExplainDecisionReader(Reader[ExplainDecision, Explanation]):
    """Explains a decision about the instance."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def prepare(self, call: Call, operation: ExplainDecision) -> Prepared[Explanation]:
        del call
        explanation = await self._explainer.explain(operation.supposition, None)
        return Prepared(explanation, (Access(operation.action, instance(), visible_by=operation.action),))


class ExplainProjectDecisionReader(Reader[ExplainProjectDecision, Explanation]):
    """Explains a decision about something in a project."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def prepare(self, call: Call, operation: ExplainProjectDecision) -> Prepared[Explanation]:
        resource = operation.supposition.resource
        if resource.type in {"Instance", "Organization"} or (
            resource.type == "Project" and resource.id != call.home.project
        ):
            raise UnacceptableError(
                "Name a resource inside the project; leave `project` out to ask about the instance.",
                field="resource",
                rule="inside-project",
            )
        explanation = await self._explainer.explain(operation.supposition, call.home)
        return Prepared(explanation, (access_to_project(operation.action, call.home),))
