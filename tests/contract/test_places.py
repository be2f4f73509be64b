"""Organizations, projects, environments and memberships, on both engines, through the real gate."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import bindparam, update

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database
from ca_service.database.statement import statement
from ca_service.gate.caller import RoleGrant
from ca_service.governance.first_start import lay_foundation, store_policy
from ca_service.governance.membership_storage import MEMBERSHIPS
from ca_service.governance.operations import (
    CreateEnvironment,
    CreateOrganization,
    CreatePolicy,
    CreateProject,
    DeleteEnvironment,
    DeletePolicy,
    DeleteProject,
    GrantOrganizationRole,
    GrantProjectRole,
    ListEnvironments,
    ListOrganizations,
    ListPolicies,
    ListProjectMemberships,
    ListProjects,
    ReadPolicy,
    ReadProject,
    SearchProjectTrail,
    TrailFilter,
    UpdatePolicy,
    UpdateProject,
    WithdrawProjectRole,
)
from ca_service.kernel.errors import (
    ConflictError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    UnacceptableError,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import ADMINISTRATOR, Worker, open_site

READ_PROJECT = 'permit(principal, action == Action::"governance:read-project", resource);'


@pytest.fixture
def worker(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Worker:
    return runner.run(open_site(database, clock))


async def test_first_start_makes_the_usual_environments(worker: Worker) -> None:
    found = await worker.perform(ListEnvironments(project="default", limit=10))
    assert [environment.slug for environment in found.items] == ["dev", "prod", "staging"]


async def test_first_start_keeps_what_it_finds(worker: Worker) -> None:
    tenant = await worker.tenants.project("default")
    assert await lay_foundation(worker.gate, ADMINISTRATOR) == tenant


async def test_a_project_is_found_by_slug_and_by_id(worker: Worker) -> None:
    made = await worker.perform(CreateProject(organization="default", slug="web", name="Web"))
    assert await worker.tenants.project("web") == await worker.tenants.project(made.id) == made.tenant


async def test_a_slug_is_unique_over_all_organizations(worker: Worker) -> None:
    await worker.perform(CreateOrganization(slug="other", name="Other"))
    with pytest.raises(ConflictError):
        await worker.perform(CreateProject(organization="other", slug="default", name="Mine"))


async def test_the_slug_of_a_deleted_project_is_never_used_again(worker: Worker) -> None:
    await worker.perform(CreateProject(organization="default", slug="web", name="Web"))
    await worker.perform(DeleteProject(project="web"))
    with pytest.raises(ConflictError):
        await worker.perform(CreateProject(organization="default", slug="web", name="Web"))


async def test_the_project_of_first_start_stays(worker: Worker) -> None:
    with pytest.raises(UnacceptableError):
        await worker.perform(DeleteProject(project="default"))


async def test_a_deleted_project_is_gone_for_other_workers_at_once(worker: Worker) -> None:
    other = Worker(worker.database, worker.clock)
    await worker.perform(CreateProject(organization="default", slug="web", name="Web"))
    await other.tenants.project("web")
    await worker.perform(DeleteProject(project="web"))
    with pytest.raises(NotFoundError):
        await other.tenants.project("web")


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a_b", "é", "a" * 64, "a b", "a\n"])
async def test_what_is_no_slug_is_refused(worker: Worker, slug: str) -> None:
    with pytest.raises(MalformedError):
        await worker.perform(CreateProject(organization="default", slug=slug, name="x"))


async def test_a_renamed_project_keeps_its_slug(worker: Worker) -> None:
    await worker.perform(UpdateProject(project="default", name="Ours"))
    project = await worker.perform(ReadProject(project="default"))
    assert (project.slug, project.name) == ("default", "Ours")


async def test_environments_are_unique_in_their_project_and_can_be_made_again(worker: Worker) -> None:
    making = CreateEnvironment(project="default", slug="qa", name="QA")
    await worker.perform(making)
    with pytest.raises(ConflictError):
        await worker.perform(making)
    await worker.perform(DeleteEnvironment(project="default", environment="qa"))
    assert (await worker.perform(making)).slug == "qa"


async def test_an_environment_that_is_not_there_is_not_deleted(worker: Worker) -> None:
    with pytest.raises(NotFoundError):
        await worker.perform(DeleteEnvironment(project="default", environment="qa"))


async def test_lists_come_in_pages_without_gaps(worker: Worker) -> None:
    for number in range(5):
        worker.clock.advance(timedelta(seconds=1))
        await worker.perform(CreateProject(organization="default", slug=f"p{number}", name="P"))
    slugs: list[str] = []
    after: str | None = None
    while True:
        found = await worker.perform(ListProjects(limit=2, after=after))
        slugs += [project.slug for project in found.items]
        after = found.next_key
        if after is None:
            break
    assert slugs == ["default", "p0", "p1", "p2", "p3", "p4"]


async def test_a_member_lists_only_its_projects(worker: Worker) -> None:
    await worker.perform(CreateProject(organization="default", slug="web", name="Web"))
    viewer = await worker.make_member("viewer", project="web")
    found = await worker.perform(ListProjects(limit=10), viewer)
    assert [project.slug for project in found.items] == ["web"]


async def test_an_organization_administrator_lists_its_organization_only(worker: Worker) -> None:
    await worker.make_tenant("a")
    admin = await worker.make_organization_admin("a")
    found = await worker.perform(ListOrganizations(limit=10), admin)
    assert [organization.slug for organization in found.items] == ["a"]


async def test_a_viewer_reads_the_project_and_changes_nothing(worker: Worker) -> None:
    viewer = await worker.make_member("viewer")
    await worker.perform(ReadProject(project="default"), viewer)
    with pytest.raises(ForbiddenError):
        await worker.perform(UpdateProject(project="default", name="Mine"), viewer)


async def test_no_access_takes_away_what_another_role_gives(worker: Worker) -> None:
    member = await worker.make_member("member")
    await worker.perform(GrantProjectRole(project="default", identity=member.id, role="no-access"))
    fresh = await worker.authenticator.refresh(member)
    with pytest.raises(NotFoundError):
        await worker.perform(ReadProject(project="default"), fresh)


async def test_a_role_is_granted_once(worker: Worker) -> None:
    machine = await worker.make_machine()
    granting = GrantProjectRole(project="default", identity=machine.id, role="viewer")
    await worker.perform(granting)
    with pytest.raises(ConflictError):
        await worker.perform(granting)


async def test_a_role_that_ended_is_granted_again(worker: Worker) -> None:
    machine = await worker.make_machine()
    for _ in range(2):
        end = worker.clock.now() + timedelta(hours=1)
        await worker.perform(
            GrantProjectRole(project="default", identity=machine.id, role="viewer", expires_at=end)
        )
        worker.clock.advance(timedelta(hours=2))
    found = await worker.perform(ListProjectMemberships(project="default", limit=10))
    assert len(found.items) == 1


async def test_a_role_that_ends_in_the_past_is_refused(worker: Worker) -> None:
    machine = await worker.make_machine()
    with pytest.raises(UnacceptableError):
        await worker.perform(
            GrantProjectRole(
                project="default", identity=machine.id, role="viewer", expires_at=worker.clock.now()
            )
        )


async def test_a_project_administrator_grants_in_its_project(worker: Worker) -> None:
    admin, machine = await worker.make_member("admin"), await worker.make_machine("new")
    granting = GrantProjectRole(project="default", identity=machine.id, role="admin")
    assert (await worker.perform(granting, admin)).grant == RoleGrant("admin", admin.roles[0].scope)


async def test_a_project_administrator_grants_nothing_in_the_organization_above(worker: Worker) -> None:
    admin = await worker.make_member("admin")
    with pytest.raises(NotFoundError):
        await worker.perform(
            GrantOrganizationRole(organization="default", identity=admin.id, role="admin"), admin
        )


async def test_nobody_grants_more_than_they_have_even_with_a_policy_that_lets_them_grant(
    worker: Worker,
) -> None:
    viewer, machine = await worker.make_member("viewer"), await worker.make_machine("new")
    text = f'permit(principal == Identity::"{viewer.id}", action == Action::"governance:grant", resource);'
    await worker.perform(CreatePolicy(project="default", name="grants", text=text))
    await worker.perform(GrantProjectRole(project="default", identity=machine.id, role="viewer"), viewer)
    with pytest.raises(ForbiddenError):
        await worker.perform(GrantProjectRole(project="default", identity=machine.id, role="member"), viewer)


async def test_an_identity_of_one_project_holds_no_role_in_another(worker: Worker) -> None:
    await worker.perform(CreateProject(organization="default", slug="web", name="Web"))
    machine = await worker.make_machine(project="web")
    with pytest.raises(UnacceptableError):
        await worker.perform(GrantProjectRole(project="default", identity=machine.id, role="viewer"))


async def test_a_membership_edited_in_the_table_is_refused_loudly(worker: Worker) -> None:
    machine = await worker.make_machine()
    await worker.perform(GrantProjectRole(project="default", identity=machine.id, role="viewer"))
    edit = statement(update(MEMBERSHIPS).values(role=bindparam("better")))
    await worker.database.begin(lambda transaction: transaction.execute(edit, better="admin"))
    with pytest.raises(IntegrityError):
        await worker.caller_of(machine)


async def test_withdrawing_a_membership_of_another_place_finds_nothing(worker: Worker) -> None:
    await worker.perform(CreateProject(organization="default", slug="web", name="Web"))
    machine = await worker.make_machine()
    granted = await worker.perform(GrantProjectRole(project="default", identity=machine.id, role="viewer"))
    with pytest.raises(NotFoundError):
        await worker.perform(WithdrawProjectRole(project="web", membership=granted.id))


async def test_a_policy_permits_from_the_next_request_and_no_longer_once_switched_off(
    worker: Worker,
) -> None:
    caller = await worker.caller_of(await worker.make_machine())
    with pytest.raises(NotFoundError):
        await worker.perform(ReadProject(project="default"), caller)
    policy = await worker.perform(CreatePolicy(project="default", name="open", text=READ_PROJECT))
    assert (await worker.perform(ReadProject(project="default"), caller)).slug == "default"
    await worker.perform(UpdatePolicy(project="default", policy=policy.id, enabled=False))
    with pytest.raises(NotFoundError):
        await worker.perform(ReadProject(project="default"), caller)


async def test_a_project_policy_does_not_apply_outside_its_project(worker: Worker) -> None:
    await worker.perform(CreateProject(organization="default", slug="web", name="Web"))
    await worker.perform(CreatePolicy(project="web", name="open", text=READ_PROJECT))
    caller = await worker.caller_of(await worker.make_machine())
    with pytest.raises(NotFoundError):
        await worker.perform(ReadProject(project="default"), caller)


async def test_a_policy_that_does_not_fit_the_schema_is_refused(worker: Worker) -> None:
    with pytest.raises(UnacceptableError):
        await worker.perform(
            CreatePolicy(
                project="default",
                name="odd",
                text='permit(principal, action == Action::"no:such", resource);',
            )
        )


async def test_policy_names_are_unique_in_their_project(worker: Worker) -> None:
    await worker.perform(CreatePolicy(project="default", name="open", text=READ_PROJECT))
    with pytest.raises(ConflictError):
        await worker.perform(CreatePolicy(project="default", name="open", text=READ_PROJECT))


async def test_a_deleted_policy_is_gone(worker: Worker) -> None:
    policy = await worker.perform(CreatePolicy(project="default", name="open", text=READ_PROJECT))
    await worker.perform(DeletePolicy(project="default", policy=policy.id))
    with pytest.raises(NotFoundError):
        await worker.perform(ReadPolicy(project="default", policy=policy.id))


async def test_a_stored_policy_of_first_start_is_stored_once_and_left_as_it_was_edited(
    worker: Worker,
) -> None:
    wanted = {"project": "default", "name": "acme-default-open"}
    made = await store_policy(worker.gate, ADMINISTRATOR, text=READ_PROJECT, **wanted)
    await worker.perform(UpdatePolicy(project="default", policy=made.id, enabled=False))
    again = await store_policy(worker.gate, ADMINISTRATOR, text=READ_PROJECT, **wanted)
    assert (again.id, again.enabled) == (made.id, False)
    assert len((await worker.perform(ListPolicies(project="default", limit=10))).items) == 1


async def test_the_trail_of_a_project_holds_what_happened_in_it_and_nothing_else(worker: Worker) -> None:
    tenant = await worker.make_tenant("a")
    await worker.perform(UpdateProject(project="default", name="Ours"))
    found = await worker.perform(SearchProjectTrail(project="a", filter=TrailFilter()))
    assert {numbered.entry.project for numbered in found.items} <= {tenant.project}


async def test_a_member_does_not_read_the_trail(worker: Worker) -> None:
    member = await worker.make_member("member")
    with pytest.raises(ForbiddenError):
        await worker.perform(SearchProjectTrail(project="default", filter=TrailFilter()), member)
