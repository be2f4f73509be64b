"""Properties of decisions: S1 (obligations never take away) and S7 (wildcards cover what they cover)."""

import asyncio
from datetime import timedelta
from fnmatch import fnmatchcase

import cedarpy
from hypothesis import given, settings
from hypothesis import strategies as st

from ca_service.policy.cedar_text import cedar_string
from ca_service.policy.wildcards import names_below
from tests.support.fakes.policy import FakePolicyDatabase, identity, issuing, make_engine

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
