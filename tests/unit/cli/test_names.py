"""Names on the command line, each under the field that the API has for its kind."""

import pytest

from ca_service.cli.pki import sort_names


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("api.example.com", "dns_names"),
        ("*.api.example.com", "dns_names"),
        ("api", "dns_names"),
        ("xn--bcher-kva.example", "dns_names"),
        ("10.0.0.7", "ip_addresses"),
        ("2001:db8::1", "ip_addresses"),
        ("::1", "ip_addresses"),
        ("300.0.0.1", "ip_addresses"),
        ("fe80::1%eth0", "ip_addresses"),
        ("ops@example.com", "emails"),
        ("spiffe://example.com/api", "uris"),
        ("https://u@example.com/", "uris"),
        ("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "uris"),
    ],
)
def test_given_a_name_then_its_kind_is_known(name: str, field: str) -> None:
    assert sort_names([name]) == {field: [name]}


def test_given_names_of_many_kinds_then_each_list_keeps_their_order() -> None:
    names = ["b.example", "10.0.0.7", "a.example", "ops@example.com", "::1"]

    assert sort_names(names) == {
        "dns_names": ["b.example", "a.example"],
        "ip_addresses": ["10.0.0.7", "::1"],
        "emails": ["ops@example.com"],
    }


def test_given_no_names_then_no_field_is_sent() -> None:
    assert sort_names([]) == {}
