"""Name constraints: which names an authority may certify, and which parts it may hand down."""

import pytest
from cryptography import x509

from ca_service.policy.names import Name, NameKind, NameRefusedError, parse_dns_name, parse_email, parse_uri
from ca_service.x509.name_constraints import (
    NameConstraints,
    Subtree,
    constraints_extension,
    narrowing_refusal,
    parse_subtree,
    read_constraints,
)

DNS, IP, EMAIL, URI = NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI


def named(kind: NameKind, text: str) -> Name:
    return {DNS: parse_dns_name, EMAIL: parse_email, URI: parse_uri}.get(kind, lambda t: Name(IP, t))(text)


def subtree(kind: NameKind, text: str) -> Subtree:
    return parse_subtree(kind, text, field="permitted")


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        (DNS, "example.com", "example.com"),
        (DNS, "example.com", "a.b.example.com"),
        (DNS, "example.com", "*.example.com"),
        (DNS, "example.com", "*.a.example.com"),
        (IP, "10.0.0.0/8", "10.1.2.3"),
        (IP, "2001:db8::/32", "2001:db8::7"),
        (EMAIL, "example.com", "ops@example.com"),
        (EMAIL, ".example.com", "ops@mail.example.com"),
        (EMAIL, "ops@example.com", "ops@example.com"),
        (URI, "example.com", "https://example.com/path"),
        (URI, ".example.com", "spiffe://a.example.com/workload"),
    ],
)
def test_given_a_permitted_part_then_what_lies_in_it_passes(kind: NameKind, value: str, name: str) -> None:
    assert NameConstraints((subtree(kind, value),)).refusal(named(kind, name)) is None


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        (DNS, "example.com", "example.org"),
        (DNS, "example.com", "notexample.com"),
        (DNS, "www.example.com", "*.example.com"),
        (IP, "10.0.0.0/8", "11.0.0.1"),
        (IP, "10.0.0.0/8", "2001:db8::7"),
        (EMAIL, "example.com", "ops@mail.example.com"),
        (EMAIL, ".example.com", "ops@example.com"),
        (EMAIL, "ops@example.com", "dev@example.com"),
        (URI, "example.com", "https://a.example.com/"),
        (URI, "example.com", "urn:keywright:thing"),
        (URI, "example.com", "https://10.0.0.1/"),
    ],
)
def test_given_a_permitted_part_then_what_lies_outside_is_refused(
    kind: NameKind, value: str, name: str
) -> None:
    assert NameConstraints((subtree(kind, value),)).refusal(named(kind, name)) is not None


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        (DNS, "corp.example.com", "a.corp.example.com"),
        (DNS, "admin.example.com", "*.example.com"),
        (IP, "0.0.0.0/0", "192.0.2.1"),
        (URI, "example.com", "urn:keywright:thing"),
    ],
)
def test_given_an_excluded_part_then_what_meets_it_is_refused(kind: NameKind, value: str, name: str) -> None:
    assert NameConstraints(excluded=(subtree(kind, value),)).refusal(named(kind, name)) is not None


def test_given_an_excluded_part_two_labels_down_then_a_wildcard_does_not_cover_it() -> None:
    constraints = NameConstraints(excluded=(subtree(DNS, "a.b.example.com"),))
    assert constraints.refusal(named(DNS, "*.example.com")) is None


def test_given_constraints_of_one_kind_then_names_of_another_pass() -> None:
    constraints = NameConstraints((subtree(DNS, "example.com"),))
    assert constraints.refusal(Name(IP, "192.0.2.1")) is None


@pytest.mark.parametrize(
    ("kind", "text", "rule"),
    [
        (DNS, ".example.com", "name-constraint"),
        (DNS, "*.example.com", "name-constraint"),
        (DNS, "exa mple.com", "dns-character"),
        (IP, "10.0.0.1/8", "name-constraint"),
        (IP, "10.0.0.0/33", "name-constraint"),
        (IP, "example.com", "name-constraint"),
        (EMAIL, "@example.com", "email-syntax"),
        (EMAIL, "*.example.com", "name-constraint"),
        (URI, "https://example.com", "dns-character"),
        (URI, "", "dns-empty"),
    ],
)
def test_given_what_is_no_part_then_the_rule_is_named(kind: NameKind, text: str, rule: str) -> None:
    with pytest.raises(NameRefusedError) as caught:
        subtree(kind, text)
    assert (caught.value.field, caught.value.rule) == ("permitted", rule)


@pytest.mark.parametrize(
    ("kind", "wider", "narrower"),
    [
        (DNS, "example.com", "a.example.com"),
        (DNS, "example.com", "example.com"),
        (IP, "10.0.0.0/8", "10.2.0.0/16"),
        (EMAIL, ".example.com", "mail.example.com"),
        (EMAIL, ".example.com", ".mail.example.com"),
        (EMAIL, "example.com", "ops@example.com"),
        (URI, ".example.com", "a.example.com"),
    ],
)
def test_given_a_narrower_part_then_a_child_may_have_it(kind: NameKind, wider: str, narrower: str) -> None:
    parent = NameConstraints((subtree(kind, wider),))
    assert narrowing_refusal((subtree(kind, narrower),), parent) is None


@pytest.mark.parametrize(
    ("kind", "wider", "narrower"),
    [
        (DNS, "a.example.com", "example.com"),
        (DNS, "example.com", "example.org"),
        (IP, "10.0.0.0/16", "10.0.0.0/8"),
        (IP, "10.0.0.0/8", "2001:db8::/32"),
        (EMAIL, "example.com", ".example.com"),
        (URI, "example.com", ".example.com"),
    ],
)
def test_given_a_wider_part_then_a_child_may_not_have_it(kind: NameKind, wider: str, narrower: str) -> None:
    parent = NameConstraints((subtree(kind, wider),))
    assert narrowing_refusal((subtree(DNS, "a.test"), subtree(kind, narrower)), parent) is not None


def test_given_a_part_that_the_parent_excludes_then_a_child_may_not_have_it() -> None:
    parent = NameConstraints(excluded=(subtree(DNS, "corp.example.com"),))
    refused = narrowing_refusal((subtree(DNS, "x.example"), subtree(DNS, "a.corp.example.com")), parent)
    assert refused is not None
    assert refused[0] == 1


def test_what_is_written_is_read_again() -> None:
    permitted = (subtree(DNS, "example.com"), subtree(IP, "10.0.0.0/8"), subtree(IP, "2001:db8::/32"))
    excluded = (
        subtree(EMAIL, "Ops@example.com"),
        subtree(EMAIL, ".example.com"),
        subtree(URI, ".example.com"),
    )
    constraints = NameConstraints(permitted, excluded)
    assert read_constraints(constraints_extension(constraints)) == constraints


def test_a_directory_name_is_told_as_something_else() -> None:
    value = x509.NameConstraints([x509.DirectoryName(x509.Name([]))], None)
    assert read_constraints(value) == NameConstraints(has_others=True)
