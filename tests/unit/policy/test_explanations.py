"""Explanations name what matched, and for a denial the first condition that failed."""

from datetime import timedelta

import pytest

from ca_service.kernel.errors import UnacceptableError
from ca_service.policy.explanation import Explanation, NearMiss, PolicyMatch
from ca_service.policy.names import parse_dns_name
from ca_service.policy.values import Access
from tests.support.fakes.policy import FakePolicyDatabase, authority, identity, issuing, make_engine

ISSUE = 'permit(principal, action == Action::"x509:issue", resource)'


async def explained(access: Access, *texts: str) -> Explanation:
    rows = FakePolicyDatabase()
    for text in texts:
        rows.store(text)
    return await make_engine(rows).explain(identity("prj_1/viewer"), access)


async def test_a_permission_names_the_permits_that_matched() -> None:
    explanation = await explained(issuing(), f"{ISSUE};", f"{ISSUE};")
    assert explanation.decision.allowed
    assert explanation.permits == (PolicyMatch("pol_1", "policy 1"), PolicyMatch("pol_2", "policy 2"))


async def test_a_denial_names_the_forbids_and_the_permits_they_overruled() -> None:
    explanation = await explained(issuing(), f"{ISSUE};", "forbid(principal, action, resource);")
    assert not explanation.decision.allowed
    assert explanation.permits == (PolicyMatch("pol_1", "policy 1"),)
    assert explanation.forbids == (PolicyMatch("pol_2", "policy 2"),)


@pytest.mark.parametrize(
    ("conditions", "failed"),
    [
        ('when { context.profile == "client" }', '(context.profile) == "client"'),
        ('when { context.profile == "server" && context has proof }', "context has proof"),
        ('when { context.profile == "server" } unless { true }', "unless true"),
        ("when { context has name } when { context has proof }", "context has proof"),
        (
            'when { (context.profile == "client" || context has proof) }',
            '((context.profile) == "client") || (context has proof)',
        ),
    ],
)
async def test_a_denial_names_the_first_condition_that_failed(conditions: str, failed: str) -> None:
    explanation = await explained(issuing(parse_dns_name("a.b")), f"{ISSUE} {conditions};")
    assert explanation.nearest == (NearMiss("pol_1", "policy 1", failed),)


async def test_a_permit_that_does_not_speak_of_wildcards_came_near() -> None:
    explanation = await explained(issuing(parse_dns_name("*.b")), f"{ISSUE};")
    assert explanation.permits == ()
    assert explanation.nearest == (NearMiss("pol_1", "policy 1", "context.name.wildcard == true"),)


async def test_a_forbid_of_a_name_below_a_wildcard_is_named() -> None:
    forbid = 'forbid(principal, action, resource) when { context has name && context.name.value == "a.b" };'
    permit = f"{ISSUE} when {{ if context has name then context.name.wildcard else true }};"
    explanation = await explained(issuing(parse_dns_name("*.b")), permit, forbid)
    assert explanation.forbids == (PolicyMatch("pol_2", "policy 2"),)


async def test_policies_for_other_actions_are_not_near() -> None:
    explanation = await explained(
        issuing(), 'permit(principal, action == Action::"x509:publish-crl", resource);'
    )
    assert explanation.nearest == ()


async def test_a_question_without_its_context_is_explained_all_the_same() -> None:
    bare = Access("x509:issue", authority(), "x509:read-authority")
    explanation = await explained(bare, f'{ISSUE} when {{ context.profile == "server" }};')
    assert explanation.nearest[0].condition == '(context.profile) == "server"'


async def test_a_ceiling_is_explained_by_the_decision() -> None:
    explanation = await explained(issuing(ttl=timedelta(hours=9)), f'@max_ttl("8h") {ISSUE};')
    assert explanation.permits == (PolicyMatch("pol_1", "policy 1"),)
    assert "28800 s" in explanation.decision.reason


async def test_an_action_that_does_not_exist_is_the_askers_mistake() -> None:
    with pytest.raises(UnacceptableError) as refused:
        await explained(Access("x509:isue", authority(), "x509:read-authority"))
    assert (refused.value.field, refused.value.rule) == ("action", "unknown-action")
