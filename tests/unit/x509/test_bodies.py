"""The JSON of the door: what it refuses, and with which field and rule."""

from typing import Any

import msgspec
import pytest

from ca_service.kernel.errors import KeywrightError, Kind
from ca_service.policy.names import Name, NameKind
from ca_service.x509.http.certificate_bodies import IssueBody, parse_issue_request
from ca_service.x509.http.profile_bodies import CreateProfileBody, parse_settings
from ca_service.x509.http.words import parse_ttl
from ca_service.x509.operations import CsrRequest, KeyRequest
from tests.support.x509_ground import make_csr, pem_csr

CSR = pem_csr(make_csr("a.example"))


def issue(**fields: Any) -> IssueBody:
    return msgspec.convert({"profile": "server", **fields}, IssueBody)


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({"csr": CSR, "common_name": "a"}, "common_name", "csr-exclusive"),
        ({"csr": CSR, "dns_names": ["a"]}, "dns_names", "csr-exclusive"),
        ({"csr": CSR, "dns_names": []}, "dns_names", "csr-exclusive"),
        ({"csr": CSR, "ip_addresses": ["10.0.0.1"]}, "ip_addresses", "csr-exclusive"),
        ({"csr": CSR, "emails": ["a@b"]}, "emails", "csr-exclusive"),
        ({"csr": CSR, "uris": ["urn:a:b"]}, "uris", "csr-exclusive"),
        ({"csr": CSR, "key_algorithm": "EC_P256"}, "key_algorithm", "csr-exclusive"),
        ({"csr": "hello"}, "csr", "csr-pem"),
        ({"csr": ""}, "csr", "csr-pem"),
        ({"dns_names": ["a", "b..c"]}, "dns_names[1]", "dns-empty-label"),
        ({"dns_names": ["10.0.0.1"]}, "dns_names[0]", "dns-last-label-numeric"),
        ({"dns_names": ["exa mple.com"]}, "dns_names[0]", "dns-character"),
        ({"ip_addresses": ["10.0.0.1/8"]}, "ip_addresses[0]", "ip-syntax"),
        ({"ip_addresses": ["fe80::1%eth0"]}, "ip_addresses[0]", "ip-zone"),
        ({"ip_addresses": ["010.0.0.1"]}, "ip_addresses[0]", "ip-syntax"),
        ({"emails": ["root"]}, "emails[0]", "email-syntax"),
        ({"uris": ["example.com"]}, "uris[0]", "uri-scheme"),
        ({"uris": ["https://u@example.com"]}, "uris[0]", "uri-user"),
        ({"dns_names": ["a"], "key_algorithm": "RSA_1024"}, "key_algorithm", "key-algorithm"),
        ({"dns_names": ["a"], "key_algorithm": "SLH_DSA_128S"}, "key_algorithm", "key-algorithm"),
        ({"dns_names": [f"h{n}.example" for n in range(101)]}, "dns_names", "too-many-names"),
    ],
)
def test_a_bad_body_names_field_and_rule(fields: Any, field: str, rule: str) -> None:
    with pytest.raises(KeywrightError) as caught:
        parse_issue_request(issue(**fields))
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_null_beside_a_csr_is_left_out() -> None:
    assert isinstance(parse_issue_request(issue(csr=CSR, common_name=None)), CsrRequest)


def test_names_of_all_kinds_are_joined_in_order() -> None:
    request = parse_issue_request(
        issue(dns_names=["A.example"], ip_addresses=["::1"], emails=["a@B.example"], uris=["urn:example:y"])
    )
    assert isinstance(request, KeyRequest)
    assert request.names == (
        Name(NameKind.DNS, "a.example"),
        Name(NameKind.IP, "::1"),
        Name(NameKind.EMAIL, "a@b.example"),
        Name(NameKind.URI, "urn:example:y"),
    )


@pytest.mark.parametrize("ttl", [0, -1, "0", "0s", "0d", "-5m", "-1"])
def test_no_lifetime_at_all_is_refused_by_a_rule(ttl: Any) -> None:
    with pytest.raises(KeywrightError) as caught:
        parse_ttl(ttl)
    assert (caught.value.kind, caught.value.rule) == (Kind.UNACCEPTABLE, "duration-positive")


@pytest.mark.parametrize("ttl", ["", "soon", "1w", "1.5h", "90 d", "9" * 31 + "d", "٣d"])
def test_what_is_no_duration_cannot_be_read(ttl: Any) -> None:
    with pytest.raises(KeywrightError) as caught:
        parse_ttl(ttl)
    assert (caught.value.kind, caught.value.field) == (Kind.MALFORMED, "ttl")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"purposes": ["anyExtendedKeyUsage"], "name_kinds": ["dns"]}, "purposes[0]"),
        ({"purposes": ["serverAuth"], "name_kinds": ["dns", "otherName"]}, "name_kinds[1]"),
        ({"purposes": ["serverAuth"], "name_kinds": ["dns"], "key_algorithms": ["DSA"]}, "key_algorithms[0]"),
        ({"purposes": ["serverAuth"], "name_kinds": ["dns"], "max_ttl": 0}, "max_ttl"),
    ],
)
def test_a_bad_profile_names_the_field(fields: Any, field: str) -> None:
    with pytest.raises(KeywrightError) as caught:
        parse_settings(msgspec.convert({"name": "p", **fields}, CreateProfileBody))
    assert caught.value.field == field
