"""Common names: which are names, which are free text, which are refused."""

import pytest

from ca_service.policy.names import Name, NameKind, NameRefusedError
from ca_service.x509.subjects import parse_common_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("API.Example.com", Name(NameKind.DNS, "api.example.com")),
        ("*.example.com", Name(NameKind.DNS, "*.example.com")),
        ("localhost", Name(NameKind.DNS, "localhost")),
        ("10.0.0.1", Name(NameKind.IP, "10.0.0.1")),
        ("::ffff:10.0.0.1", Name(NameKind.IP, "10.0.0.1")),
        ("2001:DB8::1", Name(NameKind.IP, "2001:db8::1")),
    ],
)
def test_a_dns_name_or_address_is_one(text: str, name: Name) -> None:
    common_name = parse_common_name(text, field="common_name")
    assert (common_name.name, common_name.text) == (name, name.value)


@pytest.mark.parametrize("text", ["The Boss", "Jürgen Müller", "alice@example.com", "build agent #7", "a:b"])
def test_other_text_is_free(text: str) -> None:
    assert parse_common_name(text, field="common_name").name is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "common-name-empty"),
        ("a\x00b", "common-name-character"),
        ("a\tb", "common-name-character"),
        ("\u202egnp.exe", "common-name-character"),
        ("a\ufeffb", "common-name-character"),
        ("a\ue000b", "common-name-character"),
        ("a\u2028b", "common-name-character"),
        ("x" * 32 + " " + "y" * 32, "common-name-too-long"),
        ("The Boss ", "common-name-form"),
        ("Ju\u0308rgen M", "common-name-form"),
        ("1.2.3.4.5", "dns-last-label-numeric"),
        ("*", "wildcard-alone"),
        ("a*.example.com", "wildcard-not-leftmost"),
        ("-a.example.com", "dns-hyphen"),
    ],
)
def test_a_bad_common_name_is_refused(text: str, rule: str) -> None:
    with pytest.raises(NameRefusedError) as caught:
        parse_common_name(text, field="common_name")
    assert (caught.value.field, caught.value.rule) == ("common_name", rule)
