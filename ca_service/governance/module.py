"""What governance contributes, and with it the administration of machine identities."""

from ca_service.gate.caller import Caller
from ca_service.gate.port import Tenants
from ca_service.governance.administration.administrators import Administrators
from ca_service.governance.administration.http import ROUTES as ADMINISTRATION_ROUTES
from ca_service.governance.first_start import lay_foundation
from ca_service.governance.handlers.environments import (
    CreateEnvironmentHandler,
    DeleteEnvironmentHandler,
    ListEnvironmentsReader,
)
from ca_service.governance.handlers.explanations import (
    ExplainDecisionReader,
    Explainer,
    ExplainProjectDecisionReader,
)
from ca_service.governance.handlers.memberships import (
    GrantRoleHandler,
    ListMembershipsReader,
    Scopes,
    WithdrawRoleHandler,
)
from ca_service.governance.handlers.organizations import (
    CreateOrganizationHandler,
    ListOrganizationsReader,
    ReadOrganizationReader,
)
from ca_service.governance.handlers.policies import (
    CreatePolicyHandler,
    DeletePolicyHandler,
    ListPoliciesReader,
    ProjectPolicies,
    ReadPolicyReader,
    UpdatePolicyHandler,
)
from ca_service.governance.handlers.projects import (
    CreateProjectHandler,
    DeleteProjectHandler,
    ListOrganizationProjectsReader,
    ListProjectsReader,
    ReadProjectReader,
    UpdateProjectHandler,
    VisibleProjects,
)
from ca_service.governance.handlers.trail import (
    SearchOrganizationTrailReader,
    SearchProjectTrailReader,
    SearchTrailReader,
)
from ca_service.governance.http import ROUTES
from ca_service.governance.operations import (
    CreateEnvironment,
    CreateOrganization,
    CreatePolicy,
    CreateProject,
    DeleteEnvironment,
    DeletePolicy,
    DeleteProject,
    ExplainDecision,
    ExplainProjectDecision,
    GrantInstanceRole,
    GrantOrganizationRole,
    GrantProjectRole,
    ListEnvironments,
    ListInstanceMemberships,
    ListOrganizationMemberships,
    ListOrganizationProjects,
    ListOrganizations,
    ListPolicies,
    ListProjectMemberships,
    ListProjects,
    ReadOrganization,
    ReadPolicy,
    ReadProject,
    SearchOrganizationTrail,
    SearchProjectTrail,
    SearchTrail,
    UpdatePolicy,
    UpdateProject,
    WithdrawInstanceRole,
    WithdrawOrganizationRole,
    WithdrawProjectRole,
)
from ca_service.governance.oversight.http import ROUTES as OVERSIGHT_ROUTES
from ca_service.governance.tenants import StoredRoles, StoredTenants
from ca_service.identity.module import management
from ca_service.policy.sets import BuiltInPolicy
from ca_service.web.module import AnyHandler, Contribution, Ground, Module

SCHEMA = """
// Governance: the places of the instance, who holds which role in them, their policies and their trail.
action "governance:list-organizations", "governance:list-projects" appliesTo {
  principal: [Identity, User], resource: [Instance], context: {}
};
action "governance:create-organization" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Instance], context: {}
};
action "governance:read-organization" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System], resource: [Organization], context: {}
};
action "governance:list-organization-projects" in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [Organization], context: {}
};
action "governance:create-project" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Organization], context: {}
};
action "governance:read-project" in [Action::"reads"] appliesTo {
  principal: [Identity, User, System, Acme::Account], resource: [Project], context: {}
};
action "governance:list-environments" in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [Project], context: {}
};
action "governance:update-project", "governance:delete-project", "governance:create-environment",
  "governance:delete-environment" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Project], context: {}
};
action "governance:list-memberships" in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [Instance, Organization, Project], context: {}
};
// `covered` tells whether the granter's own roles hold what the role holds (S17).
action "governance:grant" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Instance, Organization, Project],
  context: { role: String, covered: Bool }
};
action "governance:withdraw" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Instance, Organization, Project], context: {}
};
// Whoever may write policies can permit anything in the project: equal to its administrator.
action "policy:write" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Project], context: {}
};
action "policy:read" in [Action::"reads"] appliesTo {
  principal: [Identity, User], resource: [Project], context: {}
};
action "policy:explain" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Instance, Project], context: {}
};
action "audit:read" in [Action::"manages"] appliesTo {
  principal: [Identity, User], resource: [Instance, Organization, Project], context: {}
};
"""

POLICIES = (
    # Each place in these lists is decided by itself.
    BuiltInPolicy(
        "built-in:lists",
        'permit(principal, action in [Action::"governance:list-organizations", '
        'Action::"governance:list-projects"], resource);',
    ),
    BuiltInPolicy(
        "built-in:grant-covered",
        'forbid(principal, action == Action::"governance:grant", resource) unless { context.covered };',
    ),
)


def build(ground: Ground) -> Contribution:
    """Return everything governance answers."""
    tenants = StoredTenants(ground.database, ground.policy)
    identities = management(ground, tenants, StoredRoles(ground.database, ground.custody))
    administrators = Administrators(ground)

    async def first_start(caller: Caller) -> None:
        await lay_foundation(ground.gate, caller)

    return Contribution(
        handlers={
            **_places(ground, tenants),
            **_memberships(ground, tenants),
            **_oversight(ground, tenants),
            **identities.handlers,
        },
        routes=(*ROUTES, *ADMINISTRATION_ROUTES, *OVERSIGHT_ROUTES, *identities.routes),
        first_start=first_start,
        status=administrators.status,
    )


Handlers = dict[type, AnyHandler]


def _places(ground: Ground, tenants: Tenants) -> Handlers:
    database, identifiers = ground.database, ground.identifiers
    visible = VisibleProjects(database, ground.policy)
    return {
        CreateOrganization: CreateOrganizationHandler(identifiers),
        ListOrganizations: ListOrganizationsReader(database, ground.policy),
        ReadOrganization: ReadOrganizationReader(database),
        CreateProject: CreateProjectHandler(tenants, identifiers),
        ListProjects: ListProjectsReader(visible),
        ListOrganizationProjects: ListOrganizationProjectsReader(visible, tenants),
        ReadProject: ReadProjectReader(database),
        UpdateProject: UpdateProjectHandler(database),
        DeleteProject: DeleteProjectHandler(database, ground.policy),
        CreateEnvironment: CreateEnvironmentHandler(identifiers),
        ListEnvironments: ListEnvironmentsReader(database),
        DeleteEnvironment: DeleteEnvironmentHandler(ground.policy),
    }


def _memberships(ground: Ground, tenants: Tenants) -> Handlers:
    scopes = Scopes(ground.database, ground.custody, tenants)
    return {
        GrantProjectRole: GrantRoleHandler(scopes, ground.policy, ground.identifiers),
        GrantOrganizationRole: GrantRoleHandler(scopes, ground.policy, ground.identifiers),
        ListProjectMemberships: ListMembershipsReader(scopes),
        ListOrganizationMemberships: ListMembershipsReader(scopes),
        WithdrawProjectRole: WithdrawRoleHandler(scopes, ground.policy),
        WithdrawOrganizationRole: WithdrawRoleHandler(scopes, ground.policy),
        GrantInstanceRole: GrantRoleHandler(scopes, ground.policy, ground.identifiers),
        ListInstanceMemberships: ListMembershipsReader(scopes),
        WithdrawInstanceRole: WithdrawRoleHandler(scopes, ground.policy),
    }


def _oversight(ground: Ground, tenants: Tenants) -> Handlers:
    policies = ProjectPolicies(ground.database, ground.custody, ground.policy)
    explainer = Explainer(ground.database, ground.custody, ground.policy)
    return {
        CreatePolicy: CreatePolicyHandler(policies, ground.identifiers),
        ListPolicies: ListPoliciesReader(policies),
        ReadPolicy: ReadPolicyReader(policies),
        UpdatePolicy: UpdatePolicyHandler(policies),
        DeletePolicy: DeletePolicyHandler(policies),
        ExplainDecision: ExplainDecisionReader(explainer),
        ExplainProjectDecision: ExplainProjectDecisionReader(explainer),
        SearchTrail: SearchTrailReader(ground.audit),
        SearchOrganizationTrail: SearchOrganizationTrailReader(ground.audit, tenants),
        SearchProjectTrail: SearchProjectTrailReader(ground.audit),
    }


MODULE = Module(name="governance", schema=SCHEMA, policies=POLICIES, build=build)
