"""Two organizations (S12): what is another's answers like what is nowhere, and nothing of it is written."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct
from sqlalchemy import select

from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation, OrganizationOperation, ProjectOperation
from ca_service.governance.membership_storage import MEMBERSHIPS
from ca_service.governance.operations import (
    CreateEnvironment,
    CreatePolicy,
    CreateProject,
    DeleteEnvironment,
    DeletePolicy,
    DeleteProject,
    ExplainProjectDecision,
    GrantOrganizationRole,
    GrantProjectRole,
    ListEnvironments,
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
    Supposition,
    TrailFilter,
    UpdatePolicy,
    UpdateProject,
    WithdrawOrganizationRole,
    WithdrawProjectRole,
)
from ca_service.governance.storage import ENVIRONMENTS, ORGANIZATIONS, PROJECTS
from ca_service.identity.lockouts.operations import ClearLockouts, ListLockouts
from ca_service.identity.operations import (
    CreateClientSecret,
    CreateIdentity,
    DeleteIdentity,
    ListClientSecrets,
    ListIdentities,
    ReadIdentity,
    RevokeClientSecret,
    UpdateIdentity,
)
from ca_service.identity.storage import CLIENT_SECRETS, IDENTITIES
from ca_service.kernel.errors import KeywrightError, NotFoundError
from ca_service.policy.storage import POLICIES
from ca_service.policy.values import Entity
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Machine, Worker, open_site

POLICY = 'permit(principal, action == Action::"governance:read-project", resource);'
NOWHERE = "zzzzzzzz"


class Things(Struct, frozen=True):
    """Ids of one tenant, or of nothing at all."""

    organization: str
    project: str
    identity: str
    client_secret: str
    membership: str
    organization_membership: str
    policy: str
    environment: str


class Scene(Struct, frozen=True):
    """Tenant A with one of everything, and the administrator of organization B."""

    worker: Worker
    theirs: Things
    outsider: Caller
    own_organization: str
    own_project: str
    own_machine: Machine


@pytest.fixture
def scene(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Scene:
    return runner.run(_set_scene(database, clock))


async def _set_scene(database: Database, clock: FakeClock) -> Scene:
    worker = await open_site(database, clock)
    theirs, own = await worker.make_tenant("a"), await worker.make_tenant("b")
    machine = await worker.make_machine("theirs", organization="a")
    granted = await worker.perform(GrantProjectRole(project="a", identity=machine.id, role="admin"))
    above = await worker.perform(GrantOrganizationRole(organization="a", identity=machine.id, role="admin"))
    policy = await worker.perform(CreatePolicy(project="a", name="open-to-itself", text=_own_policy(machine)))
    environments = await worker.perform(ListEnvironments(project="a", limit=1))
    return Scene(
        worker,
        Things(
            theirs.organization,
            theirs.project,
            machine.id,
            machine.secret_id,
            granted.id,
            above.id,
            policy.id,
            environments.items[0].id,
        ),
        await worker.make_organization_admin("b"),
        own.organization,
        own.project,
        await worker.make_machine("own", organization="b"),
    )


def _own_policy(machine: Machine) -> str:
    return POLICY.replace("principal,", f'principal == Identity::"{machine.id}",')


SUPPOSED = Supposition(
    principal=Entity("Identity", "idn_x"),
    action="governance:read-project",
    resource=Entity("Authority", "aut_x"),
)
NAMED: dict[str, Callable[[Things], Operation[Any]]] = {
    "read-organization": lambda t: ReadOrganization(organization=t.organization),
    "list-organization-projects": lambda t: ListOrganizationProjects(organization=t.organization, limit=9),
    "create-project": lambda t: CreateProject(organization=t.organization, slug="mine", name="Mine"),
    "read-project": lambda t: ReadProject(project=t.project),
    "update-project": lambda t: UpdateProject(project=t.project, name="Mine"),
    "delete-project": lambda t: DeleteProject(project=t.project),
    "create-environment": lambda t: CreateEnvironment(project=t.project, slug="qa", name="QA"),
    "list-environments": lambda t: ListEnvironments(project=t.project, limit=9),
    "delete-environment": lambda t: DeleteEnvironment(project=t.project, environment=t.environment),
    "grant-in-project": lambda t: GrantProjectRole(project=t.project, identity=t.identity, role="viewer"),
    "grant-in-organization": lambda t: GrantOrganizationRole(
        organization=t.organization, identity=t.identity, role="member"
    ),
    "list-memberships": lambda t: ListProjectMemberships(project=t.project, limit=9),
    "list-organization-memberships": lambda t: ListOrganizationMemberships(
        organization=t.organization, limit=9
    ),
    "withdraw": lambda t: WithdrawProjectRole(project=t.project, membership=t.membership),
    "withdraw-in-organization": lambda t: WithdrawOrganizationRole(
        organization=t.organization, membership=t.organization_membership
    ),
    "create-policy": lambda t: CreatePolicy(project=t.project, name="mine", text=POLICY),
    "list-policies": lambda t: ListPolicies(project=t.project, limit=9),
    "read-policy": lambda t: ReadPolicy(project=t.project, policy=t.policy),
    "update-policy": lambda t: UpdatePolicy(project=t.project, policy=t.policy, enabled=False),
    "delete-policy": lambda t: DeletePolicy(project=t.project, policy=t.policy),
    "explain": lambda t: ExplainProjectDecision(project=t.project, supposition=SUPPOSED),
    "search-trail": lambda t: SearchProjectTrail(project=t.project, filter=TrailFilter()),
    "search-organization-trail": lambda t: SearchOrganizationTrail(
        organization=t.organization, filter=TrailFilter()
    ),
    "create-identity": lambda t: CreateIdentity(organization=t.organization, name="mine"),
    "list-identities": lambda t: ListIdentities(organization=t.organization, limit=9),
    "read-identity": lambda t: ReadIdentity(organization=t.organization, identity=t.identity),
    "update-identity": lambda t: UpdateIdentity(
        organization=t.organization, identity=t.identity, disabled=True
    ),
    "delete-identity": lambda t: DeleteIdentity(organization=t.organization, identity=t.identity),
    "create-client-secret": lambda t: CreateClientSecret(organization=t.organization, identity=t.identity),
    "list-client-secrets": lambda t: ListClientSecrets(
        organization=t.organization, identity=t.identity, limit=9
    ),
    "list-lockouts": lambda t: ListLockouts(organization=t.organization, identity=t.identity, limit=9),
    "clear-lockouts": lambda t: ClearLockouts(organization=t.organization, identity=t.identity),
    "revoke-client-secret": lambda t: RevokeClientSecret(
        organization=t.organization, identity=t.identity, client_secret=t.client_secret
    ),
}
every_operation = pytest.mark.parametrize("ask", NAMED.values(), ids=NAMED.keys())
NOTHING = Things(*[NOWHERE] * 8)
#: Those that name more than their organization or project.
ON_THINGS = {
    name: ask for name, ask in NAMED.items() if ask(NOTHING) != ask(Things(NOWHERE, NOWHERE, *["other"] * 6))
}
every_operation_on_a_thing = pytest.mark.parametrize("ask", ON_THINGS.values(), ids=ON_THINGS.keys())


async def refusal(worker: Worker, operation: Operation[Any], caller: Caller) -> tuple[type, str]:
    with pytest.raises(KeywrightError) as refused:
        await worker.perform(operation, caller)
    return type(refused.value), refused.value.detail


async def everything(worker: Worker) -> list[Any]:
    tables = (ORGANIZATIONS, PROJECTS, ENVIRONMENTS, MEMBERSHIPS, IDENTITIES, CLIENT_SECRETS, POLICIES)
    return [sorted(await worker.database.read(statement(select(*table.c))), key=repr) for table in tables]


@every_operation
async def test_the_tenant_of_another_is_nowhere(
    scene: Scene, ask: Callable[[Things], Operation[Any]]
) -> None:
    worker = scene.worker
    before = await everything(worker)
    answered = await refusal(worker, ask(scene.theirs), scene.outsider)
    assert answered == await refusal(worker, ask(NOTHING), scene.outsider)
    assert answered[0] is NotFoundError
    assert await everything(worker) == before


@every_operation_on_a_thing
async def test_a_thing_of_another_is_nowhere_inside_ones_own_tenant(
    scene: Scene, ask: Callable[[Things], Operation[Any]]
) -> None:
    worker = scene.worker

    def inside(things: Things) -> Operation[Any]:
        return ask(
            Things(
                scene.own_organization,
                scene.own_project,
                things.identity,
                things.client_secret,
                things.membership,
                things.organization_membership,
                things.policy,
                things.environment,
            )
        )

    before = await everything(worker)
    answered = await refusal(worker, inside(scene.theirs), scene.outsider)
    assert answered == await refusal(worker, inside(NOTHING), scene.outsider)
    assert await everything(worker) == before


async def test_a_client_secret_of_another_identity_is_nowhere_under_ones_own(scene: Scene) -> None:
    operation = RevokeClientSecret(
        organization="b", identity=scene.own_machine.id, client_secret=scene.theirs.client_secret
    )
    assert (await refusal(scene.worker, operation, scene.outsider))[0] is NotFoundError
    assert (await scene.worker.log_in(scene.own_machine)).id.startswith("tok_")


async def test_an_identity_is_not_made_in_the_project_of_another(scene: Scene) -> None:
    theirs = CreateIdentity(organization="b", name="mine", project=scene.theirs.project)
    nowhere = CreateIdentity(organization="b", name="mine", project=NOWHERE)
    answers = [await refusal(scene.worker, asked, scene.outsider) for asked in (theirs, nowhere)]
    assert answers[0] == answers[1]


async def test_lists_show_nothing_of_another(scene: Scene) -> None:
    organizations = await scene.worker.perform(ListOrganizations(limit=99), scene.outsider)
    projects = await scene.worker.perform(ListProjects(limit=99), scene.outsider)
    assert [one.id for one in organizations.items] == [scene.own_organization]
    assert [one.id for one in projects.items] == [scene.own_project]


async def test_a_slug_in_use_elsewhere_tells_only_that_it_is_in_use(scene: Scene) -> None:
    operation = CreateProject(organization="b", slug="a", name="Mine")
    _, detail = await refusal(scene.worker, operation, scene.outsider)
    assert scene.theirs.organization not in detail
    assert scene.theirs.project not in detail


def test_every_operation_inside_a_tenant_is_in_this_suite() -> None:
    asked = {type(ask(NOTHING)) for ask in NAMED.values()}
    module_operations = {
        operation
        for base in (ProjectOperation, OrganizationOperation)
        for operation in base.__subclasses__()
        if operation.__module__ in {"ca_service.governance.operations", "ca_service.identity.operations"}
    }
    assert module_operations <= asked
