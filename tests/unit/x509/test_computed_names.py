"""Names computed from who is calling."""

import pytest

from ca_service.policy.names import Name, NameKind
from ca_service.x509.computed_names import CallerFact, parse_computed_name
from ca_service.x509.errors import ProfileRefusedError

FACTS = {
    CallerFact.IDENTITY_ID: "idn_0123",
    CallerFact.IDENTITY_NAME: "Web-1",
    CallerFact.PROJECT_ID: "prj_1",
    CallerFact.ORGANIZATION_ID: "org_1",
}


@pytest.mark.parametrize(
    ("text", "computed"),
    [
        ("uri:urn:keywright:identity:{identity.id}", Name(NameKind.URI, "urn:keywright:identity:idn_0123")),
        (
            "uri:spiffe://example.org/{project.id}/{identity.name}",
            Name(NameKind.URI, "spiffe://example.org/prj_1/Web-1"),
        ),
        ("dns:{identity.name}.svc.example.org", Name(NameKind.DNS, "web-1.svc.example.org")),
        ("email:{identity.name}@example.org", Name(NameKind.EMAIL, "Web-1@example.org")),
    ],
)
def test_a_value_stands_in_its_place(text: str, computed: Name) -> None:
    assert parse_computed_name(text).of(FACTS) == computed


@pytest.mark.parametrize(
    "value", ["a.b", "a/b", "a b", "", "*", "a@b", "x.example.com", "ä", "a\0", "{identity.id}", "a" * 64]
)
def test_a_value_that_would_be_more_than_its_label_is_refused(value: str) -> None:
    computed = parse_computed_name("dns:{identity.name}.example.org")
    with pytest.raises(ProfileRefusedError) as caught:
        computed.of(FACTS | {CallerFact.IDENTITY_NAME: value})
    assert (caught.value.field, caught.value.rule) == ("profile", "profile-computed-name")


@pytest.mark.parametrize("value", ["..", ".", "a/b", "a:b", "a?b", "a#b", "a%2fb"])
def test_a_value_that_would_be_more_than_its_segment_is_refused(value: str) -> None:
    computed = parse_computed_name("uri:spiffe://example.org/{identity.name}")
    with pytest.raises(ProfileRefusedError):
        computed.of(FACTS | {CallerFact.IDENTITY_NAME: value})


@pytest.mark.parametrize(
    "text",
    [
        "dns:fixed.example.org",
        "dns:x{identity.name}.example.org",
        "dns:{identity.name}x.example.org",
        "dns:{identity.name}{identity.id}.example.org",
        "dns:{identity.secret}.example.org",
        "dns:{identity.name.example.org",
        "ip:{identity.name}",
        "uri:{identity.name}",
        "uri:http://{identity.name",
        "email:{identity.name}",
    ],
)
def test_what_computes_nothing_sensible_is_refused_by_field_and_rule(text: str) -> None:
    with pytest.raises(ProfileRefusedError) as caught:
        parse_computed_name(text, field="names_computed[0]")
    assert caught.value.rule in {"computed-name", "profile-computed-name"}
