"""What a policy's text may be, and what is read from it."""

from datetime import timedelta

import pytest

from ca_service.policy.cedar_text import cedar_entity, cedar_json, cedar_string
from ca_service.policy.compiled import compile_policy
from ca_service.policy.errors import PolicyRefusedError, QuestionError
from ca_service.policy.schema import PolicySchema, join_schema
from ca_service.policy.values import ContextValue, Entity, Obligations
from tests.support.fakes.policy import SCHEMA

ANYTHING = "permit(principal, action, resource)"


@pytest.fixture(scope="module")
def schema() -> PolicySchema:
    return PolicySchema(SCHEMA)


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("", "policy-single", "0"),
        (f"{ANYTHING}; {ANYTHING};", "policy-single", "2"),
        (ANYTHING, "policy-syntax", "end of input"),
        ("nonsense here", "policy-syntax", "here"),
        ("permit(principal == ?principal, action, resource);", "policy-template", "principal"),
        (f'@max_tll("8h") {ANYTHING};', "policy-annotation", "@max_tll"),
        (f'@max_ttl("8") {ANYTHING};', "policy-annotation", "max_ttl"),
        (f'@max_ttl("") {ANYTHING};', "policy-annotation", "max_ttl"),
        (f"@max_ttl {ANYTHING};", "policy-annotation", "max_ttl"),
        (f'@max_ttl("0h") {ANYTHING};', "policy-annotation", "max_ttl"),
        (f'@max_ttl("-8h") {ANYTHING};', "policy-annotation", "max_ttl"),
        (f'@max_ttl("99999d") {ANYTHING};', "policy-annotation", "max_ttl"),
        (f'@require_approval("0") {ANYTHING};', "policy-annotation", "approvals"),
        (f'@require_approval("17") {ANYTHING};', "policy-annotation", "approvals"),
        (f'@require_approval("two") {ANYTHING};', "policy-annotation", "approvals"),
        ('@max_ttl("8h") forbid(principal, action, resource);', "policy-annotation", "forbid"),
        ("@require_approval forbid(principal, action, resource);", "policy-annotation", "forbid"),
        ('permit(principal, action == Action::"x509:isue", resource);', "policy-schema", "x509:isue"),
        ('permit(principal == Robot::"r", action, resource);', "policy-schema", "Robot"),
        (f"{ANYTHING} when {{ context.profile == 3 }};", "policy-schema", "profile"),
        (f'{ANYTHING} when {{ context.name.value == "a" }};', "policy-schema", "name"),
        (f"{ANYTHING} when {{ {'(' * 5000}true{')' * 5000} }};", "policy-too-complex", "Write several"),
        (f"{ANYTHING} when {{ {'[' * 3000}1{']' * 3000} == 1 }};", "policy-too-complex", "Write several"),
        (f"{ANYTHING} when {{ {'true && ' * 100}true }};", "policy-too-complex", "Write several"),
        (f"{ANYTHING}; //{'x' * 20_000}", "policy-too-long", "16384"),
    ],
)
def test_a_text_that_is_no_policy_is_refused_with_a_reason(
    schema: PolicySchema, text: str, rule: str, words: str
) -> None:
    with pytest.raises(PolicyRefusedError) as refused:
        schema.verify_policy("pol_1", text)
    assert (refused.value.field, refused.value.rule) == ("text", rule)
    assert words in refused.value.detail
    assert "policy0" not in refused.value.detail


@pytest.mark.parametrize(
    ("annotations", "obligations"),
    [
        ("", Obligations()),
        ('@id("x") @description("y")', Obligations()),
        ('@max_ttl("8h")', Obligations(timedelta(hours=8))),
        ('@max_ttl("1d2h3m4s")', Obligations(timedelta(days=1, hours=2, minutes=3, seconds=4))),
        ('@require_approval("2")', Obligations(None, 2)),
    ],
)
def test_annotations_are_obligations(annotations: str, obligations: Obligations) -> None:
    assert compile_policy("pol_1", f"{annotations} {ANYTHING};").obligations == obligations


def test_a_long_list_of_names_is_no_complex_policy(schema: PolicySchema) -> None:
    names = ", ".join(f'"host{number}.corp"' for number in range(500))
    text = f"{ANYTHING} when {{ context has name && [{names}].contains(context.name.value) }};"
    assert len(schema.verify_policy("pol_1", text).texts) == 500


@pytest.mark.parametrize(
    ("condition", "concerned"),
    [
        ('context.profile == "server"', False),
        ("context has name", True),
        ("resource has name", False),
        ('resource has name && resource.name == "x"', False),
        ('context == {profile: "x"}', True),
        ('context has proof && context.proof == "name"', False),
    ],
)
def test_a_policy_knows_whether_it_tells_names_apart(condition: str, concerned: bool) -> None:
    assert compile_policy("pol_1", f"{ANYTHING} when {{ {condition} }};").concerns_names is concerned


@pytest.mark.parametrize(
    ("conditions", "required"),
    [
        ("", set()),
        ("when { context has name }", {"name"}),
        (
            'when { context has name && context has ttl && context.profile == "x" && context has proof }',
            {"name", "ttl"},
        ),
        ('when { context.profile == "x" && context has name }', set()),
        ("when { context has name || context has ttl }", set()),
        ("unless { context has name }", set()),
        ("when { resource has name }", set()),
        ('when { context.profile == "x" } when { context has name }', set()),
    ],
)
def test_a_policy_knows_without_what_it_cannot_apply(conditions: str, required: set[str]) -> None:
    assert compile_policy("pol_1", f"{ANYTHING} {conditions};").requires == required


def test_a_record_is_not_mistaken_for_an_expression() -> None:
    text = f'{ANYTHING} when {{ {{".": 1, "has": 2, "like": 3, "Value": "x"}} == {{"&&": 1}} }};'
    compiled = compile_policy("pol_1", text)
    assert (compiled.concerns_names, compiled.patterns, compiled.texts) == (False, (), frozenset({"x"}))


def test_actions_know_their_groups(schema: PolicySchema) -> None:
    assert schema.groups["x509:issue"] == {"uses"}
    assert "x509:issue" in schema.actions
    assert "reads" not in schema.actions


def test_the_core_alone_is_a_schema() -> None:
    assert PolicySchema(join_schema([])).actions == frozenset()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", '"plain"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\n\x00\u202eü", '"\\u{a}\\u{0}\\u{202e}\\u{fc}"'),
    ],
)
def test_a_string_is_escaped(value: str, text: str) -> None:
    assert cedar_string(value) == text


def test_an_entity_type_is_never_pasted() -> None:
    assert cedar_entity(Entity("Acme::Directory", 'a"b')) == 'Acme::Directory::"a\\"b"'
    with pytest.raises(ValueError, match="type"):
        cedar_entity(Entity('Role::"x" || Role', "y"))


def test_a_duration_is_rounded_up() -> None:
    assert cedar_json(timedelta(microseconds=1)) == {"__extn": {"fn": "duration", "arg": "1ms"}}


@pytest.mark.parametrize("value", [2**63, {"__entity": "x"}, [{"__extn": "x"}]])
def test_what_cedar_would_read_otherwise_is_not_asked(value: ContextValue) -> None:
    with pytest.raises(QuestionError):
        cedar_json(value)
