"""Identifiers from strangers: what is taken is in the form that is signed, and taken again as it stands."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from acme.identifiers import Identifier, parse_identifier, parse_identifiers
from acme.wire.strict_json import parse_object
from ca_service.kernel.errors import KeywrightError

labels = st.text("abcXYZ019-_*ßм\u200f .:[]%/@", max_size=12) | st.sampled_from(
    ["xn--", "xn--80ak6aa92e", "*", "example", "127", "0x7f", "a" * 63, "a" * 64, "localhost"]
)
values = st.one_of(
    st.lists(labels, max_size=12).map(".".join),
    st.text(max_size=60),
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded.upper()),
    st.ip_addresses(v=4).map(lambda address: f"::ffff:{address}"),
)
identifiers = st.fixed_dictionaries(
    {"type": st.sampled_from(["dns", "ip", "email", "DNS", ""]) | st.text(max_size=9), "value": values}
)


def parse(value: object) -> tuple[Identifier, ...]:
    """Return what is taken, nothing where it is refused; every other error is a failure."""
    try:
        return parse_identifiers(value)
    except KeywrightError:
        return ()


@given(st.lists(identifiers, min_size=1, max_size=4))
@example([{"type": "ip", "value": "::ffff:127.0.0.1"}])
@example([{"type": "ip", "value": "fe80::1%eth0"}])
@example([{"type": "dns", "value": "\ud800.example"}])
@example([{"type": "ip", "value": "1" * 5000}])
def test_what_is_taken_is_taken_again_as_it_stands(value: list[dict[str, str]]) -> None:
    found = parse(value)
    assert parse([{"type": each.type, "value": each.value} for each in found]) == found
    assert list(found) == sorted(set(found))


@given(st.lists(identifiers, min_size=1, max_size=4))
def test_names_are_lower_case_and_ascii(value: list[dict[str, str]]) -> None:
    for each in parse(value):
        assert each.type in {"dns", "ip"}
        assert each.value.isascii()
        assert each.value == each.value.lower()
        assert "*" not in each.value.removeprefix("*.")


@given(identifiers | st.none() | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers()))
def test_one_identifier_alone_is_never_a_wildcard(value: Any) -> None:
    try:
        found = parse_identifier(value)
    except KeywrightError:
        return
    assert not found.is_wildcard


@given(st.binary(max_size=200))
def test_any_payload(payload: bytes) -> None:
    try:
        value = parse_object(payload, "payload")
    except KeywrightError:
        return
    parse(value.get("identifiers"))
