"""Properties of decisions: S1 (obligations never take away) and S7 (wildcards cover what they cover)."""

import asyncio
from datetime import timedelta
from fnmatch import fnmatchcase

import cedarpy
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_service.policy.cedar_text import cedar_string
from ca_service.policy.names import parse_dns_name
from ca_service.policy.values import Access, Entity, Resource
from ca_service.policy.wildcards import names_below
from tests.support.fakes.policy import TENANT, FakePolicyDatabase, identity, issuing, make_engine

PERMIT = 'permit(principal, action == Action::"x509:issue", resource)'
ANNOTATIONS = st.tuples(
    st.sampled_from(["", '@max_ttl("1h") ', '@max_ttl("8h") ', '@max_ttl("24h") ']),
    st.sampled_from(["", '@require_approval("1") ', '@require_approval("2") ']),
).map("".join)
CONDITIONS = st.sampled_from(
    [";", ' when { context.profile == "server" };', ' when { context.profile == "client" };']
)
PERMITS = st.tuples(ANNOTATIONS, st.just(PERMIT), CONDITIONS).map("".join)
TTLS = st.one_of(st.none(), st.integers(1, 30).map(lambda hours: timedelta(hours=hours)))


def decide(permits: list[str], ttl: timedelta | None) -> tuple[bool, int, timedelta]:
    """Return whether it is allowed, the approvals it takes and the longest lifetime it gives."""
    rows = FakePolicyDatabase()
    for text in permits:
        rows.store(text)
    decision = asyncio.run(make_engine(rows).decide(identity(), issuing(ttl=ttl)))
    duties = decision.obligations
    return decision.allowed, duties.approvals, duties.max_ttl or timedelta.max


@given(permits=st.lists(PERMITS, max_size=4), more=PERMITS, ttl=TTLS)
@settings(max_examples=60, deadline=None)
def test_adding_a_permit_never_refuses_or_shortens(
    permits: list[str], more: str, ttl: timedelta | None
) -> None:
    allowed, approvals, _ = decide(permits, ttl)
    if not allowed:
        return
    still_allowed, still_approvals, longest = decide([*permits, more], ttl)
    assert still_allowed
    assert still_approvals <= approvals
    assert ttl is None or longest >= ttl


TEXTS = st.sampled_from(
    [
        f"{PERMIT};",
        '@max_ttl("8h") permit(principal, action == Action::"x509:issue", resource is Authority);',
        'permit(principal, action, resource == Authority::"aut_1");',
        'permit(principal, action, resource in Project::"prj_1");',
        'permit(principal, action, resource) when { resource has name && resource.name == "a" };',
        'permit(principal, action, resource) when { context.profile == "server" };',
        "permit(principal, action, resource) when { if context has name then false else true };",
        'permit(principal, action, resource) when { context.name.kind == "dns" };',
        'permit(principal, action, resource) unless { principal == Identity::"idn_bob" };',
        'forbid(principal, action, resource == Authority::"aut_2");',
        'forbid(principal, action, resource) when { context has ttl && context.ttl > duration("9h") };',
        'forbid(principal, action, resource) when { context has name && context.name.value == "x.c" };',
    ]
)
QUESTIONS = st.builds(
    lambda resource, attributes, profile, name, ttl: issuing(
        name,
        ttl=ttl,
        profile=profile,
        resource=Resource(Entity("Authority", resource), "authority", TENANT, attributes),
    ),
    st.sampled_from(["aut_1", "aut_2", "aut_3"]),
    st.sampled_from([{}, {"name": "a"}, {"name": "b"}]),
    st.sampled_from(["server", "client"]),
    st.sampled_from([None, parse_dns_name("x.c"), parse_dns_name("*.c")]),
    st.sampled_from([None, timedelta(hours=1), timedelta(hours=10)]),
)


@given(texts=st.lists(TEXTS, max_size=4), questions=st.lists(QUESTIONS, min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_an_answer_does_not_depend_on_what_was_asked_before(
    texts: list[str], questions: list[Access]
) -> None:
    rows = FakePolicyDatabase()
    for text in texts:
        rows.store(text)

    async def verify() -> None:
        engine = make_engine(rows)
        for question in [*questions, *questions]:
            told = await engine.decide(identity(), question)
            afresh = await make_engine(rows).decide(identity(), question)
            assert told == msgspec.structs.replace(afresh, id=told.id)

    asyncio.run(verify())


LABELS = st.text(alphabet="abx", min_size=1, max_size=4)
PATTERNS = st.text(alphabet="ab*.c", min_size=1, max_size=7)


@given(patterns=st.lists(PATTERNS, max_size=4), texts=st.lists(LABELS, max_size=3), label=LABELS)
@settings(max_examples=300, deadline=None)
def test_every_name_below_a_wildcard_has_one_that_stands_for_it(
    patterns: list[str], texts: list[str], label: str
) -> None:
    """The label's own class, by an independent matcher, is among the classes of the names returned."""
    known = {f"{text}.c" for text in texts}

    def class_of(name: str) -> tuple[object, ...]:
        return (
            *(fnmatchcase(name, pattern) for pattern in patterns),
            *(name == text for text in sorted(known)),
        )

    as_elements = frozenset(
        tuple(None if character == "*" else character for character in pattern) for pattern in patterns
    )
    found = names_below("c", as_elements, frozenset(known))
    assert found is not None
    assert all(name.endswith(".c") and "." not in name.removesuffix(".c") for name in found)
    assert class_of(f"{label}.c") in {class_of(name) for name in found}


@given(value=st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_cedar_string_means_exactly_the_value(value: str) -> None:
    text = f"permit(principal, action, resource) when {{ context.value == {cedar_string(value)} }};"
    request = {
        "principal": {"type": "User", "id": "a"},
        "action": {"type": "Action", "id": "a"},
        "resource": {"type": "User", "id": "a"},
    }
    assert cedarpy.is_authorized({**request, "context": {"value": value}}, text, []).allowed
    assert not cedarpy.is_authorized({**request, "context": {"value": value + "x"}}, text, []).allowed
