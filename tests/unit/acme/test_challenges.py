"""Which challenges are offered for what, and how long to wait for them."""

from datetime import timedelta

import pytest

from acme.challenges import ChallengeType, offered_for, retry_delay
from acme.identifiers import Identifier

HTTP, DNS, ALPN = ChallengeType.HTTP_01, ChallengeType.DNS_01, ChallengeType.TLS_ALPN_01


@pytest.mark.parametrize(
    ("identifier", "is_wildcard", "allowed", "offered"),
    [
        (Identifier("dns", "a.example"), False, None, {HTTP, DNS, ALPN}),
        (Identifier("dns", "a.example"), True, None, {DNS}),
        (Identifier("ip", "192.0.2.1"), False, None, {HTTP, ALPN}),
        (Identifier("dns", "a.example"), False, ("http-01", "tls-alpn-01"), {HTTP, ALPN}),
        (Identifier("dns", "a.example"), True, ("http-01",), set()),
        (Identifier("ip", "2001:db8::1"), False, ("dns-01",), set()),
        (Identifier("dns", "a.example"), False, ("dns-99",), set()),
    ],
)
def test_what_is_offered_follows_from_the_identifier_and_the_directory(
    identifier: Identifier,
    is_wildcard: bool,
    allowed: tuple[str, ...] | None,
    offered: set[ChallengeType],
) -> None:
    assert set(offered_for(identifier, is_wildcard, allowed)) == offered


def test_after_the_last_attempt_there_is_no_further_one() -> None:
    assert [retry_delay(attempts) for attempts in (1, 2, 3, 9)] == [
        timedelta(seconds=2),
        timedelta(seconds=8),
        None,
        None,
    ]
