"""Nobody grants more than they have (S17)."""

import pytest

from ca_service.gate.caller import RoleGrant
from ca_service.governance.memberships import PROJECT_ROLES, covers, verify_role
from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.tenancy import OrganizationId, ProjectId

ORGANIZATION, PROJECT = OrganizationId("org_1"), ProjectId("prj_1")


@pytest.mark.parametrize("role", PROJECT_ROLES)
@pytest.mark.parametrize(
    "held", [RoleGrant("administrator", "instance"), RoleGrant("admin", "org_1"), RoleGrant("admin", "prj_1")]
)
def test_an_administrator_of_the_place_or_above_grants_every_role(held: RoleGrant, role: str) -> None:
    assert covers([held], role, ORGANIZATION, PROJECT)


@pytest.mark.parametrize(
    ("held", "role"),
    [("member", "admin"), ("viewer", "member"), ("no-access", "viewer"), ("no-access", "no-access")],
)
def test_a_stronger_role_than_ones_own_is_not_covered(held: str, role: str) -> None:
    assert not covers([RoleGrant(held, "prj_1")], role, ORGANIZATION, PROJECT)


@pytest.mark.parametrize("scope", ["prj_2", "org_2"])
def test_a_role_elsewhere_covers_nothing_here(scope: str) -> None:
    assert not covers([RoleGrant("admin", scope)], "viewer", ORGANIZATION, PROJECT)


def test_an_administrator_of_a_project_covers_nothing_in_the_organization() -> None:
    assert not covers([RoleGrant("admin", "prj_1")], "member", ORGANIZATION, None)


def test_a_member_of_the_organization_covers_nothing_in_its_projects() -> None:
    assert not covers([RoleGrant("member", "org_1")], "viewer", ORGANIZATION, PROJECT)


def test_a_role_called_administrator_in_a_project_covers_nothing() -> None:
    assert not covers([RoleGrant("administrator", "prj_1")], "viewer", ORGANIZATION, PROJECT)


@pytest.mark.parametrize(("role", "in_project"), [("viewer", False), ("administrator", True), ("", True)])
def test_a_role_that_a_place_does_not_have_is_refused(role: str, in_project: bool) -> None:
    with pytest.raises(UnacceptableError):
        verify_role(role, ORGANIZATION, PROJECT if in_project else None)
