"""What the policies that come with the code permit: roles, reserved names, the open directory."""

import pytest

from ca_service.policy.names import Name, parse_dns_name, parse_ip_address
from ca_service.policy.sets import open_directory_policy, reserved_names_policy, role_policy
from ca_service.policy.values import Access, Entity, Principal, Resource
from tests.support.fakes.policy import (
    OTHER_TENANT,
    TENANT,
    FakePolicyDatabase,
    authority,
    identity,
    issuing,
    make_engine,
)

READING = Access("x509:read-authority", authority(), "x509:read-authority")
MANAGING = Access("x509:publish-crl", authority(), "x509:read-authority")
ORGANIZATION = Access(
    "governance:read-organization",
    Resource(Entity("Organization", "org_1"), "organization", None),
    "governance:read-organization",
)
PROJECT = Access(
    "governance:read-project",
    Resource(Entity("Project", "prj_1"), "project", TENANT),
    "governance:read-project",
)
INSTANCE = Access(
    "governance:write-instance",
    Resource(Entity("Instance", "instance"), "instance", None),
    "governance:write-instance",
)
ELSEWHERE = issuing(resource=authority(OTHER_TENANT))
WILDCARD = issuing(parse_dns_name("*.example.com"))
QUESTIONS = {
    "read": READING,
    "issue": issuing(),
    "wildcard": WILDCARD,
    "manage": MANAGING,
    "project": PROJECT,
    "organization": ORGANIZATION,
    "instance": INSTANCE,
    "elsewhere": ELSEWHERE,
}


@pytest.mark.parametrize(
    ("role", "permitted"),
    [
        ("instance/administrator", set(QUESTIONS)),
        ("org_1/admin", set(QUESTIONS) - {"instance", "elsewhere"}),
        ("org_1/member", {"organization"}),
        ("prj_1/admin", {"read", "issue", "wildcard", "manage", "project"}),
        ("prj_1/member", {"read", "issue", "wildcard", "project"}),
        ("prj_1/viewer", {"read", "project"}),
        ("prj_1/no-access", set()),
        ("prj_1/administrator", set()),
        ("instance/admin", set()),
        ("instance/member", set()),
        ("org_1/viewer", set()),
        ("prj_1/custom", set()),
        ("org_2/admin", {"elsewhere"}),
        ("prj_2/admin", {"elsewhere"}),
        ("/admin", set()),
        ("admin", set()),
    ],
)
async def test_a_role_permits_exactly_this(role: str, permitted: set[str]) -> None:
    engine = make_engine(FakePolicyDatabase())
    found = {
        name for name, asked in QUESTIONS.items() if (await engine.decide(identity(role), asked)).allowed
    }
    assert found == permitted


async def test_no_access_wins_over_a_role_of_the_organization() -> None:
    engine = make_engine(FakePolicyDatabase())
    assert not (await engine.decide(identity("org_1/admin", "prj_1/no-access"), READING)).allowed


async def test_a_roles_name_cannot_break_out_of_its_policy() -> None:
    policy = role_policy('x", action, resource); permit(principal, action, resource); //', "admin", "Project")
    assert policy is not None
    rows = FakePolicyDatabase()
    rows.store(policy.text)
    engine = make_engine(rows)
    assert not (await engine.decide(identity(), READING)).allowed


RESERVED = ("ca.example.com", "192.0.2.1", "2001:db8::1", "localhost", "127.0.0.1", "[::1]", "a.localhost")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        (parse_dns_name("ca.example.com"), False),
        (parse_dns_name("*.example.com"), False),
        (parse_ip_address("192.0.2.1"), False),
        (parse_ip_address("2001:DB8::1"), False),
        (parse_dns_name("www.example.com"), True),
        (parse_dns_name("*.ca.example.com"), True),
        (parse_dns_name("*.other.com"), True),
        (parse_dns_name("localhost"), True),
        (parse_dns_name("a.localhost"), True),
        (parse_ip_address("127.0.0.1"), True),
        (parse_ip_address("::1"), True),
    ],
)
async def test_the_services_own_names_are_reserved(name: Name, allowed: bool) -> None:
    engine = make_engine(FakePolicyDatabase(), reserved_names=RESERVED)
    assert (await engine.decide(identity("org_1/admin", "prj_1/admin"), issuing(name))).allowed is allowed
    assert (await engine.decide(identity("instance/administrator"), issuing(name))).allowed


def test_without_a_name_of_its_own_nothing_is_reserved() -> None:
    assert reserved_names_policy(["localhost", "127.0.0.1"]) is None


ACCOUNT = Principal(Entity("Acme::Account", "act_1"), (Entity("Acme::Directory", "dir_1"),))
STRANGER = Principal(Entity("Acme::Account", "act_2"), (Entity("Acme::Directory", "dir_2"),))
NAME = parse_dns_name("www.example.com")


@pytest.mark.parametrize(
    ("principal", "access", "allowed"),
    [
        (ACCOUNT, issuing(), True),
        (ACCOUNT, issuing(NAME, proof="http-01"), True),
        (ACCOUNT, issuing(parse_dns_name("*.example.com"), proof="dns-01"), True),
        (ACCOUNT, issuing(NAME), False),
        (ACCOUNT, issuing(parse_dns_name("*.example.com")), False),
        (ACCOUNT, issuing(profile="client"), False),
        (ACCOUNT, issuing(NAME, proof="http-01", profile="client"), False),
        (ACCOUNT, READING, False),
        (STRANGER, issuing(NAME, proof="http-01"), False),
        (identity(), issuing(NAME, proof="http-01"), False),
    ],
)
async def test_an_open_directory_gives_its_accounts_proved_names(
    principal: Principal, access: Access, allowed: bool
) -> None:
    rows = FakePolicyDatabase()
    engine = make_engine(rows)
    text = open_directory_policy("dir_1", "server")
    engine.verify_policy(text)
    rows.store(text)
    assert (await engine.decide(principal, access)).allowed is allowed


async def test_deleting_the_policy_closes_the_directory() -> None:
    rows = FakePolicyDatabase()
    engine = make_engine(rows)
    rows.store(open_directory_policy("dir_1", "server"))
    assert (await engine.decide(ACCOUNT, issuing())).allowed
    rows.policies.clear()
    rows.announce()
    assert not (await engine.decide(ACCOUNT, issuing())).allowed
