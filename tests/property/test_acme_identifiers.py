"""Laws of identifiers: whatever is sent, they are canonical or refused in our own words."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acme.identifiers import MAXIMUM_IDENTIFIERS, Identifier, parse_identifiers
from ca_service.kernel.errors import KeywrightError

_LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-ABC", min_size=1, max_size=12)
_HOST = st.lists(_LABEL, min_size=1, max_size=5).map(".".join)
_VALUE = st.one_of(
    _HOST, _HOST.map("*.{}".format), st.ip_addresses().map(str), st.text(max_size=60), st.just("")
)
_IDENTIFIER = st.fixed_dictionaries({"type": st.sampled_from(["dns", "ip", "email", ""]), "value": _VALUE})
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def parsed(identifiers: Any) -> tuple[Identifier, ...] | None:
    """Return the identifiers; None if they were refused."""
    try:
        return parse_identifiers(identifiers)
    except KeywrightError:
        return None


@given(st.lists(_IDENTIFIER, max_size=6))
def test_what_was_parsed_is_parsed_again_unchanged(identifiers: list[dict[str, str]]) -> None:
    first = parsed(identifiers)
    if first is not None:
        assert parsed([{"type": each.type, "value": each.value} for each in first]) == first


@given(st.lists(_IDENTIFIER, max_size=6), st.randoms())
def test_the_order_of_names_is_not_significant(identifiers: list[dict[str, str]], random: Any) -> None:
    shuffled = list(identifiers)
    random.shuffle(shuffled)
    assert parsed(shuffled) == parsed(identifiers)


@given(_JSON | st.lists(_JSON, max_size=MAXIMUM_IDENTIFIERS + 1))
def test_nothing_but_our_own_errors_comes_of_any_json(identifiers: Any) -> None:
    parsed(identifiers)


@given(st.lists(_IDENTIFIER, max_size=6))
def test_every_identifier_is_a_name_of_its_kind(identifiers: list[dict[str, str]]) -> None:
    for each in parsed(identifiers) or ():
        assert (each.name.kind.value, each.name.value) == (each.type, each.value)
