"""A wildcard is decided as everything it covers (S7)."""

import pytest

from ca_service.policy.names import parse_dns_name
from ca_service.policy.values import Decision
from ca_service.policy.wildcards import names_below
from tests.support.fakes.policy import FakePolicyDatabase, authority, identity, issuing, make_engine

PERMIT = 'permit(principal, action == Action::"x509:issue", resource)'
WITH_WILDCARDS = PERMIT + " when { context has name && (context.name.wildcard == true || true) };"
ANY = "(if context has name then [true, false].contains(context.name.wildcard) else true)"


async def decided(wildcard: str, *texts: str, **attributes: object) -> Decision:
    rows = FakePolicyDatabase()
    for text in texts:
        rows.store(text)
    resource = authority(**attributes)  # type: ignore[arg-type]
    return await make_engine(rows).decide(identity(), issuing(parse_dns_name(wildcard), resource=resource))


def forbid(condition: str) -> str:
    return f"forbid(principal, action, resource) when {{ context has name && {condition} }};"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (f"{PERMIT};", False),
        (f'{PERMIT} when {{ context has name && context.name.value like "*.corp" }};', False),
        (f"{PERMIT} when {{ context has name && context.name.wildcard == true }};", True),
        (f"{PERMIT} when {{ context has name && context.name.wildcard }};", True),
        (f"{PERMIT} when {{ context has name && !context.name.wildcard }};", False),
        (f"{PERMIT} when {{ {ANY} }};", True),
    ],
)
async def test_a_wildcard_needs_a_permit_that_speaks_of_wildcards(text: str, allowed: bool) -> None:
    assert (await decided("*.corp", text)).allowed is allowed


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ('context.name.value == "admin.corp"', False),
        ('"admin.corp" == context.name.value', False),
        ('["www.corp", "admin.corp"].contains(context.name.value)', False),
        ('context.name.value like "admin.*"', False),
        ('context.name.value like "*min.corp"', False),
        ('context.name.value like "a*n.c*p"', False),
        ('context.name.value like "*"', False),
        ('context.name.value like "*.corp" && !(context.name.value like "a*")', False),
        ('!(context.name.value like "a*") && !(context.name.value like "b*")', False),
        ('context.name.value != "x.corp"', False),
        ("!context.name.wildcard", False),
        ("context.name.wildcard", False),
        ('context.name == {kind: "dns", value: "admin.corp", wildcard: false}', False),
        ('context.name["value"] == "admin.corp"', False),
        ('(if context.name.kind == "dns" then context.name.value else "x") == "admin.corp"', False),
        ("resource has name && context.name.value == resource.name", False),
        ("resource has hosts && resource.hosts.contains(context.name.value)", False),
        ('context.name.value == "admin.other"', True),
        ('context.name.value == "a.b.corp"', True),
        ('context.name.value == "corp"', True),
        ('context.name.value like "*.other"', True),
        ('context.name.value like "*.a.corp"', True),
        ('context.name.value like "x.*.corp"', True),
        ('context.name.kind == "ip"', True),
        ('context.name.value == "admin.corp" && context.profile == "client"', True),
        ('context.name.value == "admin.corp" && context.profile == "server"', False),
        ('context.name.value like "a*" && context.name.value like "b*"', True),
        ('context.name.value like "a*" && context.name.value like "*b.corp"', False),
    ],
)
async def test_a_forbid_of_any_name_below_forbids_the_wildcard(condition: str, allowed: bool) -> None:
    attributes = {"name": "admin.corp", "hosts": ["db.corp"]}
    decision = await decided("*.corp", WITH_WILDCARDS, forbid(condition), **attributes)
    assert (decision.allowed, decision.policies) == ((True, ("pol_1",)) if allowed else (False, ("pol_2",)))


async def test_a_forbid_that_excepts_the_caller_leaves_its_wildcard_alone() -> None:
    text = forbid('context.name.value == "admin.corp"').replace(
        ";", ' unless { principal == Identity::"idn_alice" };'
    )
    assert (await decided("*.corp", WITH_WILDCARDS, text)).allowed


async def test_patterns_too_many_to_tell_apart_forbid() -> None:
    pattern = " || ".join(
        f'context.name.value like "*{letter}*{letter}*{letter}*"' for letter in "abcdefghij"
    )
    decision = await decided("*.corp", WITH_WILDCARDS, forbid(f'({pattern}) && context.profile == "client"'))
    assert not decision.allowed


def test_every_written_name_below_is_looked_at_and_one_more() -> None:
    texts = frozenset({"a.corp", "b.corp", "x.corp", "a.b.corp", "corp", ".corp", "*.corp"})
    assert names_below("corp", frozenset(), texts) == ("a.corp", "b.corp", "x.corp", "xx.corp")


def test_a_pattern_that_cannot_end_below_is_passed_over() -> None:
    assert names_below("corp", frozenset({tuple("a.other")}), frozenset()) == ("x.corp",)


def test_a_pattern_splits_the_names_below_in_two() -> None:
    pattern = ("a", None, ".", "c", "o", "r", "p")
    found = names_below("corp", frozenset({pattern}), frozenset())
    assert found is not None
    assert {name.startswith("a") for name in found} == {True, False}
