"""Orders and pre-authorizations for what no certificate is issued for (RFC 8555 section 7.4, RFC 8738)."""

from collections.abc import Iterator
from typing import Any

from tests.support.bad_acme_requests import MALFORMED, BadRequest, signed

REJECTED = (400, "rejectedIdentifier")
UNSUPPORTED = (400, "unsupportedIdentifier")
_GOOD = {"type": "dns", "value": "good.example.com"}


def cases() -> Iterator[BadRequest]:
    """Yield the cases."""
    yield from _orders()
    yield from _dns_names()
    yield from _addresses()


def _orders() -> Iterator[BadRequest]:
    lists: tuple[tuple[str, Any], ...] = (
        ("missing", ...),
        ("null", None),
        ("an object", {}),
        ("a text", "a.example.com"),
        ("none", []),
        ("a number among them", [_GOOD, 7]),
        ("null among them", [None]),
        ("a text among them", ["a.example.com"]),
        ("an empty one", [{}]),
        ("one without a value", [{"type": "dns"}]),
        ("one without a type", [{"value": "a.example.com"}]),
        ("a value that is a number", [{"type": "dns", "value": 7}]),
        ("a type that is a number", [{"type": 7, "value": "a.example.com"}]),
        ("an empty value", [{"type": "dns", "value": ""}]),
        ("a hundred and one", [{"type": "dns", "value": f"a{n}.example.com"} for n in range(101)]),
        ("very long together", [{"type": "dns", "value": f"{n:02}" + ".a" * 120} for n in range(100)]),
    )
    for name, value in lists:
        body: dict[str, Any] = {} if value is ... else {"identifiers": value}
        yield signed(f"order: identifiers: {name}", MALFORMED, "newOrder", body)
    for kind in ("email", "DNS", "", "x" * 500, "\u0000", "permanent-identifier"):
        body = {"identifiers": [{"type": kind, "value": "a.example.com"}]}
        yield signed(f"order: the type {kind[:5]!r}", UNSUPPORTED, "newOrder", body)
    mixed = [{"type": "email", "value": "a@example.com"}, {"type": "dns", "value": "a_b.example.com"}]
    yield signed("order: faults of two types", (400, "compound"), "newOrder", {"identifiers": mixed})
    profiles: tuple[tuple[Any, tuple[int, str]], ...] = (
        ("nothing", (400, "invalidProfile")),
        ("", (400, "invalidProfile")),
        ("client", (400, "invalidProfile")),
        ("x" * 5000, (400, "invalidProfile")),
        (7, MALFORMED),
        ([], MALFORMED),
    )
    for profile, refusal in profiles:
        body = {"identifiers": [_GOOD], "profile": profile}
        yield signed(f"order: the profile {str(profile)[:8]!r}", refusal, "newOrder", body)
    moments: tuple[Any, ...] = (
        *("soon", "", 7, []),
        *("2030-01-01", "2030-01-01T00:00:00", "2030-13-01T00:00:00Z"),
    )
    for field in ("notBefore", "notAfter"):
        for moment in moments:
            body = {"identifiers": [_GOOD], field: moment}
            yield signed(f"order: {field} {moment!r}", MALFORMED, "newOrder", body)
    for name, times in (
        ("an end in the past", {"notAfter": "2020-01-01T00:00:00Z"}),
        (
            "an end before its start",
            {"notBefore": "2031-01-02T00:00:00Z", "notAfter": "2031-01-01T00:00:00Z"},
        ),
        ("an end at its start", {"notBefore": "2031-01-01T00:00:00Z", "notAfter": "2031-01-01T00:00:00Z"}),
        ("an end beyond every ceiling", {"notAfter": "9999-12-31T23:59:59Z"}),
    ):
        yield signed(f"order: {name}", MALFORMED, "newOrder", {"identifiers": [_GOOD], **times})


def _dns_names() -> Iterator[BadRequest]:
    names = (
        *(" ", ".", "..", "a..example.com", ".example.com", "a.example.com.", "a b.example.com"),
        *("a_b.example.com", "-a.example.com", "a-.example.com", "*", "*.", "**.example.com"),
        *("a.*.example.com", "*a.example.com", "a*.example.com", "*.*.example.com", "*.10.0.0.1"),
        *("http://a.example.com", "a.example.com/b", "a.example.com:443", "user@example.com"),
        *("a\u0000.example.com", "a\u202e.example.com", "a\n.example.com", "xn--\u00e4.example.com"),
        *("b\u00fccher.example.com", "xn--a.example.com", "ab--cd.example.com", "xn--.example.com"),
        *(f"{'a' * 64}.example.com", f"{'a.' * 130}com", "a." * 10 + "com", "x" * 5000),
        *("10.0.0.1", "1.2.3.256", "example.0x1f", "example.123", "[::1]", "::1", "1"),
        *("a,b.example.com", "a;b.example.com", "$(id).example.com", "'\"<x>.example.com", "\\.example.com"),
    )
    for name in names:
        identifier = {"type": "dns", "value": name}
        yield signed(f"order: the name {name[:24]!r}", REJECTED, "newOrder", {"identifiers": [identifier]})
        if not name.startswith(("xn", "a", "e")):
            yield signed(
                f"newAuthz: the name {name[:24]!r}",
                REJECTED,
                "newAuthz",
                {"identifier": identifier},
            )
    bodies: tuple[tuple[str, tuple[int, str], Any], ...] = (
        ("without an identifier", MALFORMED, {}),
        ("with a list", MALFORMED, {"identifier": [_GOOD]}),
        ("with a text", MALFORMED, {"identifier": "a.example.com"}),
        ("for a wildcard", REJECTED, {"identifier": {"type": "dns", "value": "*.example.com"}}),
        ("for an e-mail", UNSUPPORTED, {"identifier": {"type": "email", "value": "a@example.com"}}),
    )
    for name, refusal, body in bodies:
        yield signed(f"newAuthz: {name}", refusal, "newAuthz", body)


def _addresses() -> Iterator[BadRequest]:
    for address in (
        *("10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1/24", "10.0.0.1:80", "1", "0x0a000001", " 10.0.0.1"),
        *(
            "::g",
            "fe80::1%eth0",
            "[::1]",
            "1:2:3:4:5:6:7:8:9",
            ":::",
            "example.com",
            "*.10.0.0.1",
            "\u0661.0.0.1",
        ),
    ):
        body = {"identifiers": [{"type": "ip", "value": address}]}
        yield signed(f"order: the address {address!r}", REJECTED, "newOrder", body)
