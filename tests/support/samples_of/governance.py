"""Samples of governance: places, memberships, policies, the trail; and of the instance itself."""

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
    Supposition,
    TrailFilter,
    UpdatePolicy,
    UpdateProject,
    WithdrawInstanceRole,
    WithdrawOrganizationRole,
    WithdrawProjectRole,
)
from ca_service.policy.values import Entity
from ca_service.web.instance.operations import ReadMetrics, ReadStatus
from tests.support.sample import Knock, Sample
from tests.support.things import Things

_ORGANIZATION = "/v1/organizations/{organization}"
_PROJECT = "/v1/projects/{project}"
_POLICY_TEXT = 'permit(principal == Identity::"idn_x", action == Action::"x509:read", resource);'


def _supposition(things: Things) -> Supposition:
    return Supposition(
        principal=Entity("Identity", things.identity),
        action="x509:read-authority",
        resource=Entity("Authority", things.authority_id),
    )


def _explain_body(things: Things) -> dict[str, object]:
    return {
        "principal": f'Identity::"{things.identity}"',
        "action": "x509:read-authority",
        "resource": f'Authority::"{things.authority_id}"',
    }


PLACES = (
    Sample(
        name="create-organization",
        ask=lambda t: CreateOrganization(slug="another", name="Another"),
        knock=Knock("POST", "/v1/organizations", lambda t: {"slug": "another"}),
    ),
    Sample(
        name="list-organizations",
        ask=lambda t: ListOrganizations(limit=9),
        knock=Knock("GET", "/v1/organizations"),
    ),
    Sample(
        name="read-organization",
        ask=lambda t: ReadOrganization(organization=t.organization),
        knock=Knock("GET", _ORGANIZATION),
    ),
    Sample(
        name="create-project",
        ask=lambda t: CreateProject(organization=t.organization, slug="another-one", name="Another"),
        knock=Knock("POST", f"{_ORGANIZATION}/projects", lambda t: {"slug": "another-one"}),
    ),
    Sample(name="list-projects", ask=lambda t: ListProjects(limit=9), knock=Knock("GET", "/v1/projects")),
    Sample(
        name="list-organization-projects",
        ask=lambda t: ListOrganizationProjects(organization=t.organization, limit=9),
        knock=Knock("GET", f"{_ORGANIZATION}/projects"),
    ),
    Sample(name="read-project", ask=lambda t: ReadProject(project=t.project), knock=Knock("GET", _PROJECT)),
    Sample(
        name="update-project",
        ask=lambda t: UpdateProject(project=t.project, name="Renamed"),
        knock=Knock("PATCH", _PROJECT, lambda t: {"name": "Renamed"}),
    ),
    Sample(
        name="delete-project",
        ask=lambda t: DeleteProject(project=t.project),
        knock=Knock("DELETE", _PROJECT),
    ),
    Sample(
        name="create-environment",
        ask=lambda t: CreateEnvironment(project=t.project, slug="another", name="Another"),
        knock=Knock("POST", f"{_PROJECT}/environments", lambda t: {"slug": "another"}),
    ),
    Sample(
        name="list-environments",
        ask=lambda t: ListEnvironments(project=t.project, limit=9),
        knock=Knock("GET", f"{_PROJECT}/environments"),
    ),
    Sample(
        name="delete-environment",
        ask=lambda t: DeleteEnvironment(project=t.project, environment=t.empty_environment),
        knock=Knock("DELETE", f"{_PROJECT}/environments/{{empty_environment}}"),
    ),
)
MEMBERSHIPS = (
    Sample(
        name="grant-project-role",
        ask=lambda t: GrantProjectRole(project=t.project, identity=t.identity, role="viewer"),
        knock=Knock("POST", f"{_PROJECT}/memberships", lambda t: {"identity": t.identity, "role": "viewer"}),
    ),
    Sample(
        name="grant-organization-role",
        ask=lambda t: GrantOrganizationRole(organization=t.organization, identity=t.identity, role="member"),
        knock=Knock(
            "POST", f"{_ORGANIZATION}/memberships", lambda t: {"identity": t.identity, "role": "member"}
        ),
    ),
    Sample(
        name="list-project-memberships",
        ask=lambda t: ListProjectMemberships(project=t.project, limit=9),
        knock=Knock("GET", f"{_PROJECT}/memberships"),
    ),
    Sample(
        name="list-organization-memberships",
        ask=lambda t: ListOrganizationMemberships(organization=t.organization, limit=9),
        knock=Knock("GET", f"{_ORGANIZATION}/memberships"),
    ),
    Sample(
        name="withdraw-project-role",
        ask=lambda t: WithdrawProjectRole(project=t.project, membership=t.membership),
        knock=Knock("DELETE", f"{_PROJECT}/memberships/{{membership}}"),
    ),
    Sample(
        name="withdraw-organization-role",
        ask=lambda t: WithdrawOrganizationRole(
            organization=t.organization, membership=t.organization_membership
        ),
        knock=Knock("DELETE", f"{_ORGANIZATION}/memberships/{{organization_membership}}"),
    ),
)
POLICIES = (
    Sample(
        name="create-policy",
        ask=lambda t: CreatePolicy(project=t.project, name="another", text=_POLICY_TEXT),
        knock=Knock("POST", f"{_PROJECT}/policies", lambda t: {"name": "another", "text": _POLICY_TEXT}),
    ),
    Sample(
        name="list-policies",
        ask=lambda t: ListPolicies(project=t.project, limit=9),
        knock=Knock("GET", f"{_PROJECT}/policies"),
    ),
    Sample(
        name="read-policy",
        ask=lambda t: ReadPolicy(project=t.project, policy=t.policy),
        knock=Knock("GET", f"{_PROJECT}/policies/{{policy}}"),
    ),
    Sample(
        name="update-policy",
        ask=lambda t: UpdatePolicy(project=t.project, policy=t.policy, enabled=False),
        knock=Knock("PATCH", f"{_PROJECT}/policies/{{policy}}", lambda t: {"enabled": False}),
    ),
    Sample(
        name="delete-policy",
        ask=lambda t: DeletePolicy(project=t.project, policy=t.policy),
        knock=Knock("DELETE", f"{_PROJECT}/policies/{{policy}}"),
    ),
    Sample(
        name="explain",
        ask=lambda t: ExplainDecision(
            supposition=Supposition(
                principal=Entity("Identity", t.identity),
                action="instance:read-status",
                resource=Entity("Instance", "instance"),
            )
        ),
        knock=Knock(
            "POST",
            "/v1/policy/explain",
            lambda t: {
                "principal": f'Identity::"{t.identity}"',
                "action": "instance:read-status",
                "resource": 'Instance::"instance"',
            },
        ),
    ),
    Sample(
        name="explain-in-project",
        ask=lambda t: ExplainProjectDecision(project=t.project, supposition=_supposition(t)),
        knock=Knock("POST", "/v1/policy/explain", lambda t: {**_explain_body(t), "project": t.project}),
    ),
)
TRAIL = (
    Sample(
        name="search-trail",
        ask=lambda t: SearchTrail(filter=TrailFilter(limit=5)),
        knock=Knock("GET", "/v1/audit?limit=5"),
    ),
    Sample(
        name="search-organization-trail",
        ask=lambda t: SearchOrganizationTrail(organization=t.organization, filter=TrailFilter(limit=5)),
        knock=Knock("GET", "/v1/audit?organization={organization}&limit=5"),
    ),
    Sample(
        name="search-project-trail",
        ask=lambda t: SearchProjectTrail(project=t.project, filter=TrailFilter(limit=5)),
        knock=Knock("GET", "/v1/audit?project={project}&limit=5"),
    ),
)
INSTANCE = (
    Sample(
        name="grant-in-instance",
        ask=lambda t: GrantInstanceRole(identity=t.candidate, role="administrator"),
        knock=Knock("POST", "/v1/memberships", lambda t: {"identity": t.candidate, "role": "administrator"}),
    ),
    Sample(
        name="list-instance-memberships",
        ask=lambda t: ListInstanceMemberships(limit=9),
        knock=Knock("GET", "/v1/memberships"),
    ),
    Sample(
        name="withdraw-in-instance",
        ask=lambda t: WithdrawInstanceRole(membership=t.instance_membership),
        knock=Knock("DELETE", "/v1/memberships/{instance_membership}"),
    ),
    Sample(name="read-status", ask=lambda t: ReadStatus(), knock=Knock("GET", "/v1/status")),
    Sample(name="read-metrics", ask=lambda t: ReadMetrics(), knock=Knock("GET", "/metrics")),
)
SAMPLES = (*PLACES, *MEMBERSHIPS, *POLICIES, *TRAIL, *INSTANCE)
