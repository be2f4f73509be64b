"""Which principals a profile allows, and which it gives to whom."""

import pytest

from ca_service.gate.caller import RoleGrant
from ca_service.policy.names import Name, NameKind
from ssh_ca.caller_facts import CallerFacts, CallerField
from ssh_ca.certificates import CertificateType
from ssh_ca.errors import PrincipalsRefusedError, ProfileRefusedError
from ssh_ca.principal_rules import (
    CallerPrincipal,
    ExactPrincipal,
    GlobPrincipal,
    NetworkPrincipal,
    PrincipalRule,
    every_principal,
    matches,
    verify_allowed,
    verify_principal_rules,
)
from tests.support.ssh_ground import person_facts

USER, HOST = CertificateType.USER, CertificateType.HOST


def allows(rule: PrincipalRule, value: str, facts: CallerFacts | None = None) -> bool:
    kind = NameKind.IP if value[0].isdigit() else NameKind.DNS if "." in value else NameKind.PRINCIPAL
    try:
        verify_allowed([rule], [Name(kind, value)], facts or person_facts(), "p")
    except PrincipalsRefusedError as error:
        if (error.field, error.rule) != ("principals[0]", "profile-principal"):
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "allowed", "refused"),
    [
        (ExactPrincipal("ops"), "ops", "ops2"),
        (GlobPrincipal("web-*"), "web-", "aweb-1"),
        (GlobPrincipal("*-dev-*"), "a-dev-b", "a-dev"),
        (GlobPrincipal("*.example.com"), "a.example.com", "a.b.example.com"),
        (NetworkPrincipal("10.0.0.0/8"), "10.1.2.3", "11.0.0.1"),
        (CallerPrincipal(CallerField.NAME), "alice", "bob"),
        (CallerPrincipal(CallerField.ROLES, prefix="role-"), "role-dba", "dba"),
    ],
)
def test_a_rule_allows_what_it_says_and_no_more(rule: PrincipalRule, allowed: str, refused: str) -> None:
    facts = person_facts("alice", RoleGrant("dba", "prj_1"), RoleGrant("root", "prj_other"))
    assert (allows(rule, allowed, facts), allows(rule, refused, facts)) == (True, False)


def test_a_network_holds_no_addresses_of_the_other_family() -> None:
    with pytest.raises(PrincipalsRefusedError):
        verify_allowed(
            [NetworkPrincipal("10.0.0.0/8")], [Name(NameKind.IP, "2001:db8::1")], person_facts(), "p"
        )


def test_roles_of_another_project_give_nothing() -> None:
    facts = person_facts("alice", RoleGrant("dba", "prj_other"))
    assert every_principal([CallerPrincipal(CallerField.ROLES)], facts) == ()


def test_left_out_are_all_that_is_exact_or_computed_each_once() -> None:
    rules: list[PrincipalRule] = [
        ExactPrincipal("ops"),
        GlobPrincipal("web-*"),
        CallerPrincipal(CallerField.NAME),
        ExactPrincipal("ops"),
    ]
    assert every_principal(rules, person_facts("alice")) == ("ops", "alice")


@pytest.mark.parametrize("name", ["root,ops", "a b", "*", "ops\nroot", ""])
def test_a_name_that_is_no_principal_gives_none(name: str) -> None:
    assert every_principal([CallerPrincipal(CallerField.NAME)], person_facts(name)) == ()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("alice@example.com", ("alice",)),
        ("alice@EXAMPLE.com", ("alice",)),
        ("alice@example.org", ()),
        ("alice@example.com@evil.test", ()),
        ("alice", ()),
        ("@example.com", ()),
    ],
)
def test_the_local_part_counts_in_its_own_domain_only(name: str, found: tuple[str, ...]) -> None:
    rule = CallerPrincipal(CallerField.LOCAL_PART, domain="example.com")
    assert every_principal([rule], person_facts(name)) == found


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (USER, ExactPrincipal("a,b")),
        (USER, ExactPrincipal("*")),
        (HOST, ExactPrincipal("Example.com")),
        (USER, GlobPrincipal("ops")),
        (USER, GlobPrincipal("*" * 9)),
        (HOST, GlobPrincipal("*.Example.com")),
        (USER, NetworkPrincipal("10.0.0.0/8")),
        (HOST, NetworkPrincipal("10.0.0.1/8")),
        (HOST, CallerPrincipal(CallerField.NAME)),
        (USER, CallerPrincipal(CallerField.ADDRESS)),
        (USER, CallerPrincipal(CallerField.LOCAL_PART)),
        (USER, CallerPrincipal(CallerField.NAME, domain="example.com")),
    ],
)
def test_a_rule_that_says_nothing_sensible_is_refused(kind: CertificateType, rule: PrincipalRule) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        verify_principal_rules([rule], kind)
    assert caught.value.field == "principals[0]"


def test_a_profile_without_rules_is_not_one_with_none() -> None:
    with pytest.raises(ProfileRefusedError):
        verify_principal_rules([], USER)


def test_many_stars_and_a_long_name_take_no_time() -> None:
    assert not matches("*a*a*a*a*a*a*a*b", "a" * 255, crosses_dots=True)
