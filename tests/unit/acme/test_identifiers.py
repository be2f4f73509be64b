"""Identifiers of an order: one form for each name, and one stated error for each that has none."""

import pytest

from acme.errors import CompoundError, RejectedIdentifierError, UnsupportedIdentifierError
from acme.identifiers import (
    MAXIMUM_BYTES,
    MAXIMUM_IDENTIFIERS,
    Identifier,
    parse_identifier,
    parse_identifiers,
)
from ca_service.kernel.errors import MalformedError
from ca_service.policy.names import Name, NameKind


def dns(*values: str) -> list[dict[str, str]]:
    return [{"type": "dns", "value": value} for value in values]


def ip(*values: str) -> list[dict[str, str]]:
    return [{"type": "ip", "value": value} for value in values]


def refusal(identifiers: object) -> RejectedIdentifierError:
    with pytest.raises(RejectedIdentifierError) as caught:
        parse_identifiers(identifiers)
    return caught.value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("example.com.", "ends with a dot"),
        (".example.com", "begins with a dot"),
        ("a..example.com", "empty label"),
        (f"{'a' * 64}.example.com", "64 characters; at most 63"),
        (".".join(["a" * 50] * 6), "at most 253"),
        ("a.b.c.d.e.f.g.h.i.j.k", "11 labels; at most 10"),
        ("*.a.b.c.d.e.f.g.h.i.j.k", "11 labels; at most 10"),
        ("_acme-challenge.example.com", "underscore"),
        ("a b.example.com", "a character that host names do not have"),
        ("a\x00.example.com", "a character that host names do not have"),
        ("bücher.example", "A-labels"),
        ("xn--zzzzzz999.example", "punycode"),
        ("xn--a.example", "punycode"),
        ("ab--cd.example", "reserved (RFC 5890)"),
        ("-a.example", "hyphen"),
        ("a-.example", "hyphen"),
        ("192.0.2.1", "type `ip`"),
        ("2001:db8::1", "type `ip`"),
        ("[2001:db8::1]", "type `ip`"),
        ("1.2.3", "ends in a number"),
        ("host.0x7f", "ends in a number"),
        ("a.*.example.com", "* is not the whole first label"),
        ("a*.example.com", "* is not the whole first label"),
        ("*a.example.com", "* is not the whole first label"),
        ("*.*.example.com", "more than one `*`"),
        ("*", "needs a name"),
        ("*.", "ends with a dot"),
    ],
)
def test_dns_syntax_each_its_own_stated_error(value: str, words: str) -> None:
    assert words in refusal(dns(value)).detail


@pytest.mark.parametrize("value", ["localhost", "db", "host.internal", "a.b.c.d.e.f.g.h.i.j", "*.internal"])
def test_in_a_private_ca_single_labels_and_private_top_level_names_are_taken(value: str) -> None:
    assert parse_identifiers(dns(value)) == (Identifier("dns", value),)


def test_identifiers_are_normalised_to_lower_case() -> None:
    assert parse_identifiers(dns("WWW.Example.COM")) == (Identifier("dns", "www.example.com"),)


def test_the_order_of_names_is_not_significant() -> None:
    assert parse_identifiers(dns("b.example", "a.example")) == parse_identifiers(
        dns("a.example", "b.example")
    )


def test_duplicates_are_folded() -> None:
    assert parse_identifiers(dns("a.example", "A.example")) == (Identifier("dns", "a.example"),)


def test_base_and_its_own_wildcard_are_two_identifiers() -> None:
    assert len(parse_identifiers(dns("a.example", "*.a.example"))) == 2


def test_a_wildcard_and_a_name_it_covers_are_taken_together() -> None:
    assert len(parse_identifiers(dns("www.a.example", "*.a.example"))) == 2


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::FFFF:192.0.2.1", "192.0.2.1"),
        ("::", "::"),
    ],
)
def test_ip_identifier_canonical_text_of_rfc_5952(value: str, canonical: str) -> None:
    assert parse_identifiers(ip(value)) == (Identifier("ip", canonical),)


def test_one_address_written_in_two_ways_is_one_identifier() -> None:
    assert len(parse_identifiers(ip("::ffff:192.0.2.1", "192.0.2.1"))) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("192.0.2.01", "leading zeros"),
        ("192.0.2", "not an IPv4 or IPv6 address"),
        ("192.0.2.0/24", "not an IPv4 or IPv6 address"),
        ("fe80::1%eth0", "zone"),
        ("[2001:db8::1]", "not an IPv4 or IPv6 address"),
        ("a.example", "not an IPv4 or IPv6 address"),
        ("1" * 46, "at most 45"),
    ],
)
def test_ip_syntax_each_its_own_stated_error(value: str, words: str) -> None:
    assert words in refusal(ip(value)).detail


def test_an_address_is_the_name_that_a_certificate_carries() -> None:
    assert Identifier("ip", "2001:db8::1").name == Name(NameKind.IP, "2001:db8::1")


def test_an_address_is_never_a_wildcard() -> None:
    assert Identifier("ip", "192.0.2.1").base == Identifier("ip", "192.0.2.1")


@pytest.mark.parametrize(
    "identifiers",
    [
        None,
        [],
        {},
        "a.example",
        ["a.example"],
        [{"type": "dns"}],
        [{"value": "a.example"}],
        [{"type": 1, "value": "a.example"}],
        [{"type": "dns", "value": ["a.example"]}],
        dns(""),
    ],
    ids=repr,
)
def test_no_identifiers_or_an_empty_value_is_malformed(identifiers: object) -> None:
    with pytest.raises(MalformedError):
        parse_identifiers(identifiers)


def test_more_than_100_identifiers_are_malformed() -> None:
    names = [f"n{number}.example" for number in range(MAXIMUM_IDENTIFIERS + 1)]
    with pytest.raises(MalformedError, match="at most 100"):
        parse_identifiers(dns(*names))


def test_100_identifiers_are_taken() -> None:
    names = [f"n{number}.example" for number in range(MAXIMUM_IDENTIFIERS)]
    assert len(parse_identifiers(dns(*names))) == MAXIMUM_IDENTIFIERS


def test_total_identifier_bytes_are_bounded() -> None:
    names = [f"{'.'.join(['a' * 60] * 3)}.n{number}" for number in range(MAXIMUM_IDENTIFIERS)]
    with pytest.raises(MalformedError, match=f"at most {MAXIMUM_BYTES}"):
        parse_identifiers(dns(*names))


def test_text_that_utf_8_cannot_carry_is_told_like_any_other() -> None:
    assert "A-labels" in refusal(dns("\ud800.example")).detail


@pytest.mark.parametrize("type_", ["email", "DNS", "x" * 1000, ""])
def test_an_unknown_type_is_an_unsupported_identifier(type_: str) -> None:
    with pytest.raises(UnsupportedIdentifierError):
        parse_identifiers([{"type": type_, "value": "a.example"}])


def test_refused_names_are_told_one_by_one() -> None:
    error = refusal(dns("a_b.example", "good.example", "c d.example"))
    assert [fault.value for fault in error.faults] == ["a_b.example", "c d.example"]


def test_the_top_type_is_compound_where_kinds_differ() -> None:
    assert isinstance(refusal([*dns("a_b.example"), {"type": "email", "value": "x"}]), CompoundError)


def test_what_is_shown_of_a_refused_name_is_bounded() -> None:
    assert len(refusal(dns("ä" * 4_000)).detail) < 700


def test_newauthz_takes_one_identifier() -> None:
    assert parse_identifier(dns("A.example")[0]) == Identifier("dns", "a.example")


def test_newauthz_refuses_a_wildcard() -> None:
    with pytest.raises(RejectedIdentifierError, match="newOrder"):
        parse_identifier(dns("*.a.example")[0])
