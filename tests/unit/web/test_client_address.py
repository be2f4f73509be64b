"""The client's address (S9)."""

import pytest

from ca_service.web.client_address import ClientAddresses, fold_address

PROXY = "10.0.0.1"


def address(peer: str | None, *headers: tuple[str, str], trusted: tuple[str, ...] = ("10.0.0.0/8",)) -> str:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return ClientAddresses(trusted).of(peer, raw)


@pytest.mark.parametrize(
    ("peer", "seen"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        (None, "-"),
        ("not an address", "-"),
    ],
)
def test_the_sockets_address_is_folded(peer: str | None, seen: str) -> None:
    assert fold_address(peer) == seen


def test_given_no_trusted_proxy_then_headers_are_ignored() -> None:
    assert address("127.0.0.1", ("x-forwarded-for", "9.9.9.9"), trusted=()) == "127.0.0.1"


def test_given_a_peer_outside_the_list_then_its_headers_are_ignored() -> None:
    assert address("192.0.2.1", ("x-forwarded-for", "9.9.9.9")) == "192.0.2.1"


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::5]:443", "2001:db8::5"),
        ("2001:db8::5", "2001:db8::5"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("203.0.113.9, unknown", PROXY),
        ("203.0.113.9, _hidden, 10.3.3.3", "10.3.3.3"),
        ("", PROXY),
    ],
)
def test_given_a_trusted_proxy_then_the_rightmost_untrusted_entry_counts(value: str, seen: str) -> None:
    assert address(PROXY, ("x-forwarded-for", value)) == seen


def test_given_several_headers_then_they_are_one_list() -> None:
    headers = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")]

    assert address(PROXY, *headers) == "203.0.113.9"


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('for=1.1.1.1, proto=https;For="[2001:db8::5]:80"', "2001:db8::5"),
        ("for=203.0.113.9;by=10.0.0.1, for=10.4.4.4", "203.0.113.9"),
        ("for=203.0.113.9, by=10.0.0.1", PROXY),
    ],
)
def test_given_forwarded_of_rfc_7239_then_it_is_read_alike(value: str, seen: str) -> None:
    assert address(PROXY, ("forwarded", value)) == seen


def test_given_both_headers_that_disagree_then_neither_is_believed() -> None:
    headers = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=1.1.1.1")]

    assert address(PROXY, *headers) == PROXY


def test_given_both_headers_that_agree_then_the_client_is_known() -> None:
    headers = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")]

    assert address(PROXY, *headers) == "203.0.113.9"


def test_given_a_mapped_proxy_address_then_the_list_still_knows_it() -> None:
    assert address("::ffff:10.0.0.1", ("x-forwarded-for", "203.0.113.9")) == "203.0.113.9"
