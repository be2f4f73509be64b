"""Names are decided in the form that is signed (S7)."""

from ipaddress import IPv6Address

import pytest

from ca_service.policy.names import (
    Name,
    NameKind,
    NameRefusedError,
    name_of_address,
    parse_dns_name,
    parse_email,
    parse_ip_address,
    parse_ip_octets,
    parse_principal,
    parse_uri,
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("example.com", "example.com"),
        ("WWW.Example.COM", "www.example.com"),
        ("localhost", "localhost"),
        ("db", "db"),
        ("api.internal", "api.internal"),
        ("*.example.com", "*.example.com"),
        ("*.corp", "*.corp"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("1.example", "1.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
        ("example.0y", "example.0y"),
    ],
)
def test_a_dns_name_becomes_lower_case_a_labels(text: str, canonical: str) -> None:
    assert parse_dns_name(text) == Name(NameKind.DNS, canonical)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "dns-empty"),
        ("example.com.", "dns-trailing-dot"),
        (".", "dns-trailing-dot"),
        (".example.com", "dns-empty-label"),
        ("a..b", "dns-empty-label"),
        ("*", "wildcard-alone"),
        ("*.", "dns-trailing-dot"),
        ("*.*.example.com", "wildcard-not-leftmost"),
        ("a.*.example.com", "wildcard-not-leftmost"),
        ("www.*", "wildcard-not-leftmost"),
        ("w*.example.com", "wildcard-not-leftmost"),
        ("*w.example.com", "wildcard-not-leftmost"),
        ("xn--*-abc.example", "wildcard-not-leftmost"),
        ("a" * 64 + ".example", "dns-label-too-long"),
        ("ü" * 63 + ".example", "dns-label-too-long"),
        (".".join(["a" * 63] * 3 + ["b" * 62]), "dns-name-too-long"),
        ("a." * 5000, "dns-name-too-long"),
        (".".join(["üüüüüüüüü"] * 20), "dns-name-too-long"),
        ("_acme-challenge.example.com", "dns-underscore"),
        ("-a.example", "dns-hyphen"),
        ("a-.example", "dns-hyphen"),
        ("ab--cd.example", "dns-reserved-label"),
        ("xn--.example", "dns-hyphen"),
        ("xn--a.example", "dns-punycode"),
        ("xn--abc-.example", "dns-hyphen"),
        ("xn--99999999.example", "dns-punycode"),
        ("xn--BCHER-KVA9.example", "dns-punycode"),
        ("127.0.0.1", "dns-last-label-numeric"),
        ("example.123", "dns-last-label-numeric"),
        ("1", "dns-last-label-numeric"),
        ("*.1", "dns-last-label-numeric"),
        ("example.0x7f", "dns-last-label-numeric"),
        ("example.0X7F", "dns-last-label-numeric"),
        ("0x", "dns-last-label-numeric"),
        ("::1", "dns-character"),
        ("a b.example", "dns-character"),
        ("example.com\x00.evil", "dns-character"),
        ("example.com\n", "dns-character"),
        ("a,b.example", "dns-character"),
        ("http://example.com", "dns-character"),
        ("a\u202eb.example", "dns-idna"),
        ("BÜCHER.example", "dns-idna"),
        ("\u212a.example", "dns-idna"),
        ("bu\u0308cher.example", "dns-idna"),
        ("☃.example", "dns-idna"),
        ("example\u3002com", "dns-idna"),
        ("\uff11.example", "dns-idna"),
    ],
)
def test_a_dns_name_that_breaks_a_rule_is_refused_by_that_rule(text: str, rule: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        parse_dns_name(text, field="dns_names[2]")
    assert (refused.value.field, refused.value.rule) == ("dns_names[2]", rule)


def test_a_refusal_shows_the_name_short_and_escaped() -> None:
    with pytest.raises(NameRefusedError) as refused:
        parse_dns_name("\x1b[31m" + "\u202e" * 200)
    assert refused.value.detail.isascii()
    assert "\x1b" not in refused.value.detail
    assert len(refused.value.detail) < 700


def test_only_a_dns_name_with_a_star_is_a_wildcard() -> None:
    assert parse_dns_name("*.example.com").is_wildcard
    assert not parse_dns_name("example.com").is_wildcard
    assert not parse_email("*.x@example.com").is_wildcard


def test_a_name_knows_how_a_policy_sees_it() -> None:
    seen = parse_dns_name("*.Example.com").context()
    assert seen == {"kind": "dns", "value": "*.example.com", "wildcard": True}


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
    ],
)
def test_an_address_becomes_its_one_text(text: str, canonical: str) -> None:
    assert parse_ip_address(text) == Name(NameKind.IP, canonical)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "ip-empty"),
        ("fe80::1%eth0", "ip-zone"),
        ("192.0.2.01", "ip-syntax"),
        ("192.0.2", "ip-syntax"),
        ("0x7f.0.0.1", "ip-syntax"),
        ("192.0.2.1/32", "ip-syntax"),
        ("[::1]", "ip-syntax"),
        (" 192.0.2.1", "ip-syntax"),
        ("\uff11.2.3.4", "ip-syntax"),
        ("1" * 100, "ip-too-long"),
    ],
)
def test_what_is_no_address_is_refused(text: str, rule: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        parse_ip_address(text, field="ip_addresses[0]")
    assert (refused.value.field, refused.value.rule) == ("ip_addresses[0]", rule)


def test_an_ip_address_extension_has_4_or_16_octets() -> None:
    assert parse_ip_octets(bytes([192, 0, 2, 1])).value == "192.0.2.1"
    assert parse_ip_octets(IPv6Address("2001:db8::1").packed).value == "2001:db8::1"
    assert parse_ip_octets(IPv6Address("::ffff:192.0.2.1").packed).value == "192.0.2.1"
    for size in (0, 3, 5, 8, 15, 17, 32):
        with pytest.raises(NameRefusedError) as refused:
            parse_ip_octets(bytes(size))
        assert refused.value.rule == "ip-length"


def test_a_zone_never_reaches_a_name() -> None:
    assert name_of_address(IPv6Address("fe80::1%eth0")).value == "fe80::1"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Ann.Lee@Example.COM", "Ann.Lee@example.com"),
        ("a+b@xn--bcher-kva.example", "a+b@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_a_mailbox_keeps_its_local_part(text: str, canonical: str) -> None:
    assert parse_email(text) == Name(NameKind.EMAIL, canonical)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "email-empty"),
        ("example.com", "email-syntax"),
        ("@example.com", "email-syntax"),
        ("a@b@example.com", "email-syntax"),
        ('"a b"@example.com', "email-syntax"),
        ("a..b@example.com", "email-syntax"),
        ("Ann <a@example.com>", "email-syntax"),
        ("a\n@example.com", "email-syntax"),
        ("a@[192.0.2.1]", "dns-character"),
        ("a@192.0.2.1", "dns-last-label-numeric"),
        ("a@*.example.com", "email-wildcard"),
        ("a@bücher.example", "email-not-ascii"),
        ("ü@example.com", "email-not-ascii"),
        ("a@", "dns-empty"),
        ("a" * 65 + "@example.com", "email-too-long"),
        ("a@" + "b" * 300, "email-too-long"),
    ],
)
def test_what_is_no_mailbox_is_refused(text: str, rule: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        parse_email(text, field="emails[0]")
    assert (refused.value.field, refused.value.rule) == ("emails[0]", rule)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("HTTPS://Example.COM/Path?q=1#f", "https://example.com/Path?q=1#f"),
        ("https://example.com:08443/", "https://example.com:8443/"),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
        ("https://192.0.2.1/", "https://192.0.2.1/"),
        ("https://example.com/%61%2f%c3", "https://example.com/a%2F%C3"),
        ("https://example.com/%2561", "https://example.com/%2561"),
        ("spiffe://Prod.Example/ns/default/sa/web", "spiffe://prod.example/ns/default/sa/web"),
        ("spiffe://prod_1", "spiffe://prod_1"),
        ("urn:keywright:identity:idn_1", "urn:keywright:identity:idn_1"),
        ("URN:uuid:6E8BC430-9C3A-11D9-9669-0800200C9A66", "urn:uuid:6E8BC430-9C3A-11D9-9669-0800200C9A66"),
        ("tag:example,2026:x", "tag:example,2026:x"),
    ],
)
def test_a_uri_keeps_its_meaning_and_loses_its_spellings(text: str, canonical: str) -> None:
    assert parse_uri(text) == Name(NameKind.URI, canonical)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "uri-empty"),
        ("/relative", "uri-scheme"),
        ("//example.com/", "uri-scheme"),
        ("1http://example.com", "uri-scheme"),
        ("foo:https://example.com/", "uri-scheme"),
        ("https:https://example.com/", "uri-host"),
        ("https:///path", "uri-host"),
        ("https:example.com", "uri-host"),
        ("https://*.example.com/", "uri-host"),
        ("https://a_b/", "uri-host"),
        ("https://0x7f.1/", "uri-host"),
        ("https://[::1/", "uri-host"),
        ("https://[fe80::1%25eth0]/", "uri-host"),
        ("https://example.com:/", "uri-host"),
        ("https://example.com:0/", "uri-host"),
        ("https://example.com:65536/", "uri-host"),
        ("https://ann@example.com/", "uri-user"),
        ("https://ann:pw@example.com/", "uri-user"),
        ("mailto:ann@example.com", "uri-user"),
        ("https://example.com/a/../b", "uri-dot-segment"),
        ("https://example.com/%2e%2e/b", "uri-dot-segment"),
        ("foo:/a/./b", "uri-dot-segment"),
        ("https://bücher.example/", "uri-character"),
        ("https://example.com/a b", "uri-character"),
        ("https://example.com/\x00", "uri-character"),
        ("https://example.com/%zz", "uri-character"),
        ("https://example.com/\n", "uri-character"),
        ("urn:x", "uri-urn"),
        ("urn::x", "uri-urn"),
        ("foo:", "uri-empty"),
        ("spiffe://prod:8443/x", "uri-spiffe"),
        ("spiffe://prod/x?y", "uri-spiffe"),
        ("spiffe://prod/x/", "uri-spiffe"),
        ("spiffe://prod//x", "uri-spiffe"),
        ("spiffe:///x", "uri-spiffe"),
        ("https://example.com/" + "a" * 2048, "uri-too-long"),
    ],
)
def test_what_is_no_uri_for_a_certificate_is_refused(text: str, rule: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        parse_uri(text, field="uris[0]")
    assert (refused.value.field, refused.value.rule) == ("uris[0]", rule)


@pytest.mark.parametrize("text", ["ops", "Ann.Lee", "a_b-c+d@corp", "0", "x" * 255])
def test_a_principal_stays_as_it_is(text: str) -> None:
    assert parse_principal(text) == Name(NameKind.PRINCIPAL, text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "principal-empty"),
        ("a,b", "principal-character"),
        ("*", "principal-character"),
        ("a b", "principal-character"),
        ("ops\n", "principal-character"),
        ("a\x00b", "principal-character"),
        ("ünal", "principal-character"),
        ("a/b", "principal-character"),
        ("x" * 256, "principal-too-long"),
    ],
)
def test_what_is_no_principal_is_refused(text: str, rule: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        parse_principal(text, field="principals[0]")
    assert (refused.value.field, refused.value.rule) == ("principals[0]", rule)
