"""Requests whose HTTP, JWS or protected header is wrong (RFC 8555 sections 6.1 to 6.5)."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.support.acme_client import ClientKey, b64, sign_jws
from tests.support.bad_acme_requests import (
    JOSE,
    MALFORMED,
    BadRequest,
    Bench,
    Sent,
    raw,
    request,
    signed,
)

ORDER = {"identifiers": [{"type": "dns", "value": "bad.example.com"}]}
NOT_ALLOWED = (405, "malformed")
MEDIA_TYPE = (415, "malformed")
BAD_NONCE = (400, "badNonce")
BAD_ALGORITHM = (400, "badSignatureAlgorithm")
UNAUTHORIZED = (403, "unauthorized")
NO_ACCOUNT = (400, "accountDoesNotExist")
Members = dict[str, Any]
Change = Callable[[Members], Members]
Named = tuple[tuple[str, Callable[[str], str]], ...]


def cases() -> Iterator[BadRequest]:
    """Yield the cases."""
    yield from _http()
    yield from _bodies()
    yield from _members()
    yield from _signatures()


def _http() -> Iterator[BadRequest]:
    for method, place in (
        ("GET", "newOrder"),
        ("PUT", "newOrder"),
        ("DELETE", "order"),
        ("PATCH", "account"),
    ):
        yield request(
            f"http: {method} of {place}",
            NOT_ALLOWED,
            partial(_bare, method, place),
        )
    yield request("http: POST to newNonce", NOT_ALLOWED, partial(_whole, place="newNonce"))
    yield request("http: POST to the directory", NOT_ALLOWED, partial(_whole, place="directory"))
    for content_type in ("application/json", "application/jose", "text/plain", "application/jose+jsonx"):
        yield request(
            f"http: the content type {content_type}",
            MEDIA_TYPE,
            partial(_whole, headers={"Content-Type": content_type}),
        )
    yield request("http: no content type", MEDIA_TYPE, partial(_whole, headers={}))
    yield request(
        "http: a nonce among the headers",
        MALFORMED,
        lambda bench: _whole(bench, headers={**JOSE, "Replay-Nonce": bench.client.nonce()}),
    )
    for name, suffix in (
        ("an unknown resource", "/nothing"),
        ("a resource without its id", "/order"),
        ("an empty id", "/order/"),
        ("an unknown verb", "/order/ord_1/destroy"),
        ("too many segments", "/order/a/b/c/d"),
        ("a path upwards", "/order/../new-order"),
        ("a NUL in the path", "/order/a%00b"),
        ("bytes that are no UTF-8", "/order/%ff%fe"),
    ):
        refusal = MALFORMED if "NUL" in name else (404, "malformed")
        yield request(f"http: {name}", refusal, partial(_below, suffix))
    yield request(
        "http: no such directory",
        (404, "malformed"),
        lambda bench: Sent(bench.urls["newOrder"].replace("/default/", "/nowhere/"), b"{}"),
    )


def _bare(method: str, place: str, bench: Bench) -> Sent:
    return Sent(bench.urls[place], method=method, headers={})


def _whole(bench: Bench, place: str = "newOrder", headers: Mapping[str, str] = JOSE) -> Sent:
    url = bench.urls[place]
    return Sent(
        url, sign_jws(bench.client.key, json.dumps(ORDER).encode(), bench.client.header(url)), headers
    )


def _below(suffix: str, bench: Bench) -> Sent:
    url = bench.urls["newOrder"].removesuffix("/new-order") + suffix
    return Sent(url, sign_jws(bench.client.key, None, bench.client.header(url)))


def _bodies() -> Iterator[BadRequest]:
    for name, body in (
        ("empty", b""),
        ("blank", b" \r\n"),
        ("words", b"hello"),
        ("an array", b"[]"),
        ("null", b"null"),
        ("a number", b"7"),
        ("a text", b'"x"'),
        ("an empty object", b"{}"),
        ("cut off", b'{"protected": "e30", "payload": ""'),
        ("two documents", b"{}{}"),
        ("not UTF-8", b'{"protected": "\xff"}'),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("UTF-16", "{}".encode("utf-16")),
        ("NaN", b'{"protected": NaN, "payload": "", "signature": ""}'),
        ("a thousand levels deep", b'{"protected": ' + b"[" * 1000 + b"]" * 1000 + b"}"),
        ("a compact JWS", b"e30.e30.e30"),
        ("a form", b"protected=e30&payload=&signature="),
        ("general serialization", b'{"payload": "", "signatures": [{"protected": "e30", "signature": ""}]}'),
        ("two members of one name", b'{"protected": "e30", "payload": "", "payload": "", "signature": ""}'),
        ("a lone surrogate", b'{"protected": "\\ud800", "payload": "", "signature": ""}'),
    ):
        yield raw(f"body: {name}", MALFORMED, body)
    yield raw("body: beyond 64 KiB", (413, "malformed"), b"{" + b" " * 66_000 + b"}")


def _members() -> Iterator[BadRequest]:
    additions: dict[str, Any] = {
        "header": {},
        "signatures": [],
        "extra": "x",
        "protected_": "",
    }
    for member, value in additions.items():
        yield _outer(f"with {member}", _setting(member, value))
    for member in ("protected", "payload", "signature"):
        yield _outer(f"without {member}", _dropping(member))
        for name, value in (("null", None), ("a number", 7), ("an array", []), ("an object", {})):
            yield _outer(f"{member} is {name}", _setting(member, value))
        for name, suffix in (
            ("padding", "="),
            ("a blank", " "),
            ("a line feed", "\n"),
            ("a plus", "+"),
            ("ä", "ä"),
        ):
            yield _outer(f"{member} with {name}", _appending(member, suffix))
        yield _outer(f"{member} in stray bits", _setting(member, "AB"))
    for name, header in (
        ("an array", b"[]"),
        ("a text", b'"x"'),
        ("nothing", b""),
        ("words", b"hello"),
        ("not UTF-8", b'{"alg": "\xff"}'),
        ("two members of one name", b'{"alg": "ES256", "alg": "ES256"}'),
        ("an empty object", b"{}"),
        ("deeply nested", b'{"jwk": ' + b'{"a":' * 40 + b"1" + b"}" * 41),
    ):
        encoded = b64(header)
        yield _outer(f"the protected header is {name}", _setting("protected", encoded))


def _setting(member: str, value: Any) -> Change:
    return lambda jws: {**jws, member: value}


def _dropping(member: str) -> Change:
    return lambda jws: {name: value for name, value in jws.items() if name != member}


def _appending(member: str, suffix: str) -> Change:
    return lambda jws: {**jws, member: jws[member] + suffix}


def _outer(name: str, change: Change) -> BadRequest:
    return signed(f"jws: {name}", MALFORMED, "newOrder", ORDER, outer=change)


def _signatures() -> Iterator[BadRequest]:
    def decoded(jws: Members) -> bytes:
        text: str = jws["signature"]
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    def resigned(change: Callable[[bytes], bytes]) -> Change:
        return lambda jws: {**jws, "signature": b64(change(decoded(jws)))}

    def as_der(signature: bytes) -> bytes:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        return encode_dss_signature(r, s)

    changes: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("empty", lambda signature: b""),
        ("zeros", lambda signature: bytes(64)),
        ("ones", lambda signature: b"\xff" * 64),
        ("in DER", as_der),
        ("one octet short", lambda signature: signature[:-1]),
        ("one octet long", lambda signature: signature + b"\0"),
        ("with its halves swapped", lambda signature: signature[32:] + signature[:32]),
        ("with a bit flipped", lambda signature: bytes([signature[0] ^ 1]) + signature[1:]),
        ("ten thousand octets", lambda signature: signature * 157),
    )
    for name, change in changes:
        yield signed(
            f"signature: {name}",
            UNAUTHORIZED,
            "newOrder",
            ORDER,
            outer=resigned(change),
        )
    yield signed("signature: of another key", UNAUTHORIZED, "newOrder", ORDER, key=ClientKey.new())
    yield signed(
        "signature: of another payload",
        UNAUTHORIZED,
        "newOrder",
        ORDER,
        outer=lambda jws: {**jws, "payload": b64(b"{}")},
    )
