"""Patterns of names: what they cover, what they touch, and which are none."""

import pytest

from ca_service.policy.names import (
    Name,
    parse_dns_name,
    parse_email,
    parse_ip_address,
    parse_uri,
)
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.name_rules import missing_name, name_refusal, parse_name_pattern

PARSERS = {"dns": parse_dns_name, "ip": parse_ip_address, "email": parse_email, "uri": parse_uri}


def name(text: str) -> Name:
    kind, _, value = text.partition(":")
    return PARSERS[kind](value)


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("dns:a.example.com", "dns:A.example.com"),
        ("dns:*.example.com", "dns:a.example.com"),
        ("dns:*.example.com", "dns:*.example.com"),
        ("dns:**.example.com", "dns:a.b.example.com"),
        ("dns:**.example.com", "dns:*.b.example.com"),
        ("ip:10.0.0.0/8", "ip:10.255.0.1"),
        ("ip:2001:db8::/32", "ip:2001:db8::1"),
        ("ip:192.0.2.1", "ip:192.0.2.1"),
        ("email:*@example.com", "email:anna@example.com"),
        ("email:anna@**.example.com", "email:anna@mail.example.com"),
        ("uri:spiffe://example.org/ns/*", "uri:spiffe://example.org/ns/web"),
        ("uri:spiffe://example.org/ns/*/sa/*", "uri:spiffe://example.org/ns/web/sa/api"),
        ("uri:spiffe://example.org/**", "uri:spiffe://example.org/ns/web"),
        ("uri:urn:example:*", "uri:urn:example:42"),
        ("uri:https://example.org/a", "uri:https://EXAMPLE.org/a"),
    ],
)
def test_a_pattern_covers_its_names(pattern: str, covered: str) -> None:
    assert parse_name_pattern(pattern).covers(name(covered))


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("dns:a.example.com", "dns:b.a.example.com"),
        ("dns:*.example.com", "dns:example.com"),
        ("dns:*.example.com", "dns:a.b.example.com"),
        ("dns:*.example.com", "dns:*.b.example.com"),
        ("dns:**.example.com", "dns:example.com"),
        ("dns:**.example.com", "dns:badexample.com"),
        ("dns:a.example.com", "dns:*.example.com"),
        ("ip:10.0.0.0/8", "ip:11.0.0.1"),
        ("ip:10.0.0.0/8", "ip:::1"),
        ("email:*@example.com", "email:anna@mail.example.com"),
        ("email:anna@example.com", "email:Anna@example.com"),
        ("uri:spiffe://example.org/ns/*", "uri:spiffe://example.org/ns/web/more"),
        ("uri:spiffe://example.org/ns/*", "uri:spiffe://example.org/other/web"),
        ("uri:spiffe://example.org/**", "uri:spiffe://other.org/ns"),
        ("uri:https://example.org/*", "uri:https://example.org/a?b"),
        ("uri:urn:example:*", "uri:urn:other:42"),
        ("dns:example.com", "email:a@example.com"),
    ],
)
def test_a_pattern_does_not_cover_others(pattern: str, other: str) -> None:
    assert not parse_name_pattern(pattern).covers(name(other))


@pytest.mark.parametrize(
    ("pattern", "wildcard", "is_touched"),
    [
        ("dns:admin.example.com", "dns:*.example.com", True),
        ("dns:*.example.com", "dns:*.example.com", True),
        ("dns:**.example.com", "dns:*.example.com", True),
        ("dns:admin.example.com", "dns:*.b.example.com", False),
        ("dns:a.b.example.com", "dns:*.example.com", False),
        ("dns:example.com", "dns:*.example.com", False),
    ],
)
def test_a_wildcard_is_touched_by_what_hits_one_name_below_it(
    pattern: str, wildcard: str, is_touched: bool
) -> None:
    assert parse_name_pattern(pattern).touches(name(wildcard)) is is_touched


@pytest.mark.parametrize(
    "text",
    [
        "example.com",
        "host:example.com",
        "dns:",
        "dns:*",
        "dns:a.*.example.com",
        "dns:***.example.com",
        "dns:*.*.example.com",
        "ip:10.0.0.1/8",
        "ip:example.com",
        "email:example.com",
        "email:a*@example.com",
        "email:a b@example.com",
        "uri:*://example.org/",
        "uri:https://*/a",
        "uri:https://example.org/a*",
        "uri:https://example.org/**/a",
        "uri:HTTPS://example.org/a",
        "uri:no-scheme",
        "dns:" + "a" * 300,
    ],
)
def test_what_is_no_pattern_is_refused_by_field_and_rule(text: str) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        parse_name_pattern(text, field="names_allowed[0]")
    assert (caught.value.field, caught.value.rule) == ("names_allowed[0]", "name-pattern")


def test_a_denied_name_is_refused_though_it_is_allowed() -> None:
    refused = name_refusal(name("dns:a.example.com"), ("dns:**.example.com",), ("dns:a.example.com",))
    assert refused is not None
    assert refused[1] == "profile-name-denied"


def test_with_patterns_everything_else_is_refused() -> None:
    refused = name_refusal(name("ip:10.0.0.1"), ("dns:**.example.com",), ())
    assert refused is not None
    assert refused[1] == "profile-name-allowed"


def test_without_patterns_nothing_is_refused() -> None:
    assert name_refusal(name("dns:a.example.com"), (), ()) is None


def test_a_required_pattern_needs_one_of_the_names() -> None:
    required = ("dns:**.example.com", "uri:spiffe://example.org/**")
    assert missing_name((name("dns:a.example.com"),), required) == "uri:spiffe://example.org/**"
    assert missing_name((name("dns:a.example.com"), name("uri:spiffe://example.org/a")), required) is None
