"""Parsing a name twice is parsing it once, and the canonical form means what was written (S7)."""

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_service.policy.names import (
    Name,
    NameRefusedError,
    parse_dns_name,
    parse_email,
    parse_ip_address,
    parse_principal,
    parse_uri,
)

PARSERS: tuple[Callable[[str], Name], ...] = (
    parse_dns_name,
    parse_ip_address,
    parse_email,
    parse_uri,
    parse_principal,
)
LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
NAME_LIKE = st.one_of(
    st.text(max_size=40),
    DOMAIN,
    DOMAIN.map("*.{}".format),
    DOMAIN.map("a.b@{}".format),
    DOMAIN.map("https://{}/%61/%2f".format),
    st.text(alphabet="abü.*-xn_0@:/[]%", max_size=30),
    st.ip_addresses().map(str),
)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=NAME_LIKE)
def test_a_canonical_name_parses_to_itself(parse: Callable[[str], Name], text: str) -> None:
    try:
        name = parse(text)
    except NameRefusedError:
        return
    assert parse(name.value) == name


@given(text=NAME_LIKE)
def test_an_ascii_dns_name_changes_by_case_only(text: str) -> None:
    try:
        name = parse_dns_name(text)
    except NameRefusedError:
        return
    assert name.value.isascii()
    assert not text.isascii() or name.value == text.lower()


@given(text=DOMAIN, twin=DOMAIN)
def test_names_are_equal_exactly_if_dns_compares_them_equal(text: str, twin: str) -> None:
    try:
        one, other = parse_dns_name(text), parse_dns_name(twin)
    except NameRefusedError:
        return
    assert (one == other) == (text.lower() == twin.lower())


@given(address=st.ip_addresses())
def test_an_address_stays_the_same_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    found = ipaddress.ip_address(parse_ip_address(address.exploded).value)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert found == (mapped or address)
