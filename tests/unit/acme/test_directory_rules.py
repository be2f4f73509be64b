"""What a directory may be told."""

import pytest
from msgspec.structs import replace

from acme.directories import CaaMode, Directory, DirectoryId, DirectoryRules, ExternalAccountRule
from acme.directory_rules import parse_directory_name, verify_rules
from ca_service.kernel.errors import KeywrightError, MalformedError
from tests.support.fakes.gate import TENANT
from tests.support.fakes.kernel import FakeClock

DIRECTORY = Directory(
    id=DirectoryId("dir_1"),
    tenant=TENANT,
    slug="shop",
    profile="server",
    authority=None,
    eab=ExternalAccountRule.REQUIRED,
    created_at=FakeClock().now(),
)


@pytest.mark.parametrize("name", ["a", "7", "a-b", "a" * 63])
def test_a_name_is_a_slug(name: str) -> None:
    assert parse_directory_name(name) == name


@pytest.mark.parametrize("name", ["", "-", "a-", "A", "a.b", "a/b", "a" * 64, "\u00e4", "a\n"])
def test_what_is_no_slug_is_no_name(name: str) -> None:
    with pytest.raises(MalformedError):
        parse_directory_name(name)


@pytest.mark.parametrize(
    "rules",
    [
        DirectoryRules(),
        DirectoryRules(further_profiles=("client", "mail")),
        DirectoryRules(challenges=("http-01", "dns-01", "tls-alpn-01")),
        DirectoryRules(caa=CaaMode.ENFORCE, caa_identities=("ca.example", "xn--mnchen-3ya.example")),
        DirectoryRules(caa_identities=("ca.example",)),
        DirectoryRules(resolvers=("192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::1")),
        DirectoryRules(terms_of_service="https://ca.example/terms?v=1#a", website="http://[2001:db8::1]:80/"),
    ],
    ids=str,
)
def test_what_a_directory_can_be_is_taken(rules: DirectoryRules) -> None:
    verify_rules(replace(DIRECTORY, rules=rules))


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (DirectoryRules(further_profiles=("server",)), "further_profiles"),
        (DirectoryRules(challenges=()), "challenges"),
        (DirectoryRules(challenges=("http-01", "http-02")), "challenges[1]"),
        (DirectoryRules(caa=CaaMode.LOG), "caa_identities"),
        (DirectoryRules(caa_identities=("ca.example.",)), "caa_identities[0]"),
        (DirectoryRules(caa_identities=tuple(f"a{n}.example" for n in range(21))), "caa_identities"),
        (DirectoryRules(resolvers=("192.0.2.1:dns",)), "resolvers[0]"),
        (DirectoryRules(resolvers=tuple(f"192.0.2.{n}" for n in range(9))), "resolvers"),
        (DirectoryRules(website="//ca.example"), "website"),
        (DirectoryRules(website="https://ca.example/ a"), "website"),
        (DirectoryRules(terms_of_service=""), "terms_of_service"),
        (DirectoryRules(terms_of_service="https://" + "a" * 3000), "terms_of_service"),
    ],
    ids=str,
)
def test_what_no_directory_can_be_is_refused_by_field(rules: DirectoryRules, field: str) -> None:
    with pytest.raises(KeywrightError) as refused:
        verify_rules(replace(DIRECTORY, rules=rules))
    assert (refused.value.field, bool(refused.value.rule)) == (field, True)
