"""Signed requests whose payload is wrong: for accounts and their keys, for reads and revocations."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.support.acme_client import ClientKey, b64, sign_jws
from tests.support.bad_acme_requests import MALFORMED, BadRequest, Bench, Sent, request, signed

NOT_FOUND = (404, "malformed")
UNAUTHORIZED = (403, "unauthorized")
REJECTED = (400, "rejectedIdentifier")
UNSUPPORTED = (400, "unsupportedIdentifier")
BAD_KEY = (400, "badPublicKey")


def cases() -> Iterator[BadRequest]:
    """Yield the cases."""
    yield from _unreadable()
    yield from _accounts()
    yield from _bindings()
    yield from _key_changes()
    yield from _reads()
    yield from _revocations()


def _unreadable() -> Iterator[BadRequest]:
    for name, payload in (
        ("empty", None),
        ("words", b"hello"),
        ("an array", b"[]"),
        ("null", b"null"),
        ("a number", b"7"),
        ("a text", b'"x"'),
        ("blank", b" "),
        ("cut off", b'{"identifiers": ['),
        ("two documents", b"{}{}"),
        ("not UTF-8", b'{"a": "\xff"}'),
        ("with NaN", b'{"a": NaN}'),
        ("with Infinity", b'{"a": -Infinity}'),
        ("with a member twice", b'{"identifiers": [], "identifiers": []}'),
        ("nested seventeen deep", b'{"a": ' + b"[" * 17 + b"]" * 17 + b"}"),
        ("nested ten thousand deep", b'{"a": ' + b"[" * 10_000),
        ("with a comment", b"{/* hello */}"),
        ("with a number of ten thousand digits", b'{"a": ' + b"9" * 10_000 + b"}"),
    ):
        yield signed(f"payload: {name}", MALFORMED, "newOrder", payload)
    for place in ("newAccount", "finalize", "revokeCert"):
        by = "newcomer" if place == "newAccount" else "client"
        yield signed(f"payload: empty for {place}", MALFORMED, place, by=by)
        yield signed(f"payload: an array for {place}", MALFORMED, place, b"[]", by=by)
    yield signed("payload: an array for a challenge", MALFORMED, "challenge", b"[]")


def _accounts() -> Iterator[BadRequest]:
    contacts: list[tuple[Any, tuple[int, str]]] = [
        ("mailto:a@example.com", MALFORMED),
        ({}, MALFORMED),
        ([7], MALFORMED),
        ([None], MALFORMED),
        ([f"mailto:a{number}@example.com" for number in range(11)], MALFORMED),
        (["tel:+1-201-555-0123"], (400, "unsupportedContact")),
        (["https://example.com"], (400, "unsupportedContact")),
        (["mailto:"], (400, "invalidContact")),
        (["mailto:a"], (400, "invalidContact")),
        (["mailto:@example.com"], (400, "invalidContact")),
        (["mailto:a@b@example.com"], (400, "invalidContact")),
        (["mailto:a@example.com,b@example.com"], (400, "invalidContact")),
        (["mailto:a@example.com?subject=x"], (400, "invalidContact")),
        (["mailto:a@-example.com"], (400, "invalidContact")),
        (["mailto:a b@example.com"], (400, "invalidContact")),
        (["mailto:\u00e4@example.com"], (400, "invalidContact")),
        (["mailto:a@example.com\r\nBcc: b@example.com"], (400, "invalidContact")),
        (["mailto:" + "a" * 10_000 + "@example.com"], (400, "invalidContact")),
    ]
    for number, (contact, refusal) in enumerate(contacts):
        body = {"contact": contact}
        yield signed(f"account: a bad contact ({number})", refusal, "newAccount", body, by="newcomer")
        yield signed(f"account: changed to a bad contact ({number})", refusal, "account", body)
    for name, refusal, body in (
        ("only an existing one", (400, "accountDoesNotExist"), {"onlyReturnExisting": True}),
        ("an existing one, perhaps", MALFORMED, {"onlyReturnExisting": "yes"}),
        ("terms agreed by a text", MALFORMED, {"termsOfServiceAgreed": "yes"}),
    ):
        yield signed(f"account: {name}", refusal, "newAccount", body, by="newcomer")
    for status in ("revoked", "pending", "", 7, None, ["deactivated"]):
        yield signed(f"account: the status {status!r}", MALFORMED, "account", {"status": status})
    yield signed("account: that of another", UNAUTHORIZED, "other_account", {})
    yield signed("account: the orders of another", UNAUTHORIZED, "other_orders")
    yield signed(
        "account: of a deactivated key",
        UNAUTHORIZED,
        "newAccount",
        {},
        by="deactivated",
        header=lambda bench: {"kid": None, "jwk": bench.deactivated.key.jwk},
    )


def _bindings() -> Iterator[BadRequest]:
    def binding(change: Callable[[Bench, dict[str, Any]], Any]) -> Callable[[Bench], Any]:
        def payload(bench: Bench) -> Any:
            header = {"alg": "HS256", "kid": "eab_nobody", "url": bench.urls["newAccount"]}
            made = change(bench, _hmac_jws(header, json.dumps(bench.newcomer.key.jwk).encode()))
            return {"externalAccountBinding": made}

        return payload

    def header(**changes: Any) -> Callable[[Bench], Any]:
        def payload(bench: Bench) -> Any:
            members = {"alg": "HS256", "kid": "eab_nobody", "url": bench.urls["newAccount"], **changes}
            kept = {member: value for member, value in members.items() if value is not None}
            return {"externalAccountBinding": _hmac_jws(kept, json.dumps(bench.newcomer.key.jwk).encode())}

        return payload

    for name, refusal, payload in (
        ("a text", MALFORMED, lambda bench: {"externalAccountBinding": "x"}),
        ("an array", MALFORMED, lambda bench: {"externalAccountBinding": []}),
        ("an empty object", MALFORMED, lambda bench: {"externalAccountBinding": {}}),
        ("without its payload", MALFORMED, binding(lambda bench, jws: _without(jws, "payload"))),
        ("without its signature", MALFORMED, binding(lambda bench, jws: _without(jws, "signature"))),
        ("with an unprotected header", MALFORMED, binding(lambda bench, jws: {**jws, "header": {}})),
        ("whose payload is noise", MALFORMED, binding(lambda bench, jws: {**jws, "payload": "!!!"})),
        ("with a nonce", MALFORMED, header(nonce="AAAA")),
        ("with a jwk", MALFORMED, header(jwk={})),
        ("without a kid", MALFORMED, header(kid=None)),
        ("without a url", MALFORMED, header(url=None)),
        ("with crit", MALFORMED, header(crit=["kid"])),
        ("without an algorithm", MALFORMED, header(alg=None)),
        ("of an unknown key", UNAUTHORIZED, header()),
        ("for another url", MALFORMED, header(url="https://evil.example/new-account")),
    ):
        yield signed(f"binding: {name}", refusal, "newAccount", payload, by="newcomer")
    for algorithm in ("none", "ES256", "RS256"):
        name = f"binding: signed with {algorithm}"
        yield signed(name, MALFORMED, "newAccount", header(alg=algorithm), by="newcomer")


def _hmac_jws(header: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
    protected, body = b64(json.dumps(dict(header)).encode()), b64(payload)
    signature = b64(hmac.digest(bytes(32), f"{protected}.{body}".encode(), hashlib.sha256))
    return {"protected": protected, "payload": body, "signature": signature}


def _without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {member: value for member, value in members.items() if member != name}


def _key_changes() -> Iterator[BadRequest]:
    def inner(
        key: ClientKey | Callable[[Bench], ClientKey],
        *,
        header: Mapping[str, Any] = {},
        account: Callable[[Bench], Any] = lambda bench: bench.client.kid,
        old: Callable[[Bench], Any] = lambda bench: bench.client.key.jwk,
        signer: ClientKey | None = None,
        content: bytes | None = None,
        outer: Mapping[str, Any] = {},
    ) -> Callable[[Bench], Any]:
        def payload(bench: Bench) -> Any:
            new = key(bench) if callable(key) else key
            members = {"alg": new.algorithm, "jwk": new.jwk, "url": bench.urls["keyChange"], **header}
            kept = {member: value for member, value in members.items() if value is not None}
            protected = b64(json.dumps(kept).encode())
            asked = json.dumps({"account": account(bench), "oldKey": old(bench)}).encode()
            body = b64(asked if content is None else content)
            signature = b64((signer or new).sign(f"{protected}.{body}".encode()))
            return {"protected": protected, "payload": body, "signature": signature, **outer}

        return payload

    new = ClientKey.new()
    for name, refusal, payload in (
        ("an empty object", MALFORMED, {}),
        ("no JWS", MALFORMED, b"hello"),
        ("with a nonce", MALFORMED, inner(new, header={"nonce": "AAAA"})),
        ("with a kid", MALFORMED, inner(new, header={"kid": "x"})),
        ("without a jwk", MALFORMED, inner(new, header={"jwk": None})),
        ("without a url", MALFORMED, inner(new, header={"url": None})),
        ("for another url", MALFORMED, inner(new, header={"url": "https://evil.example/key-change"})),
        ("of another account", MALFORMED, inner(new, account=lambda bench: bench.other.kid)),
        ("without the account", MALFORMED, inner(new, account=lambda bench: None)),
        ("with another old key", MALFORMED, inner(new, old=lambda bench: bench.other.key.jwk)),
        ("without the old key", MALFORMED, inner(new, old=lambda bench: None)),
        ("to the same key", MALFORMED, inner(lambda bench: bench.client.key)),
        ("signed by another key", MALFORMED, inner(new, signer=ClientKey.new())),
        ("whose payload is an array", MALFORMED, inner(new, content=b"[]")),
        ("with an unprotected header", MALFORMED, inner(new, outer={"header": {}})),
        ("with a weak key", BAD_KEY, inner(new, header={"jwk": {"kty": "oct", "k": "AAAA"}})),
        ("to a key that is in use", (409, "malformed"), inner(lambda bench: bench.other.key)),
    ):
        yield signed(f"key change: {name}", refusal, "keyChange", payload)


def _reads() -> Iterator[BadRequest]:
    for place in ("order", "certificate", "orders"):
        for name, payload in (("an object", {}), ("an array", []), ("words", b"hello")):
            yield signed(f"read: {place} with {name}", MALFORMED, place, payload)
    for status in ("valid", "invalid", "", 7, None):
        yield signed(f"read: authz with the status {status!r}", MALFORMED, "authz", {"status": status})
    yield signed("read: authz with an object", MALFORMED, "authz", {})
    for place in ("order", "authz", "challenge", "certificate", "finalize"):
        asked = {"csr": b64(b"x")} if place == "finalize" else None
        yield signed(f"read: the {place} of another account", NOT_FOUND, f"other_{place}", asked)
        yield request(
            f"read: no such {place}",
            NOT_FOUND,
            partial(_unknown, place, asked),
        )
    for query in ("?cursor=" + "a" * 65, "?cursor=%C3%A4", "?cursor=a&cursor=b", "?cursor=a%00b"):
        yield request(
            f"read: orders{query[:12]} of {len(query)}",
            MALFORMED,
            partial(_orders_at, query),
        )


def _unknown(place: str, payload: Any, bench: Bench) -> Sent:
    head, _, tail = bench.urls[place].partition("_")
    url = f"{head}_{'0' * 26}{'/finalize' if tail.endswith('/finalize') else ''}"
    return _signed_at(bench, url, payload)


def _orders_at(query: str, bench: Bench) -> Sent:
    return _signed_at(bench, bench.urls["orders"] + query, None)


def _signed_at(bench: Bench, url: str, payload: Any) -> Sent:
    body = None if payload is None else json.dumps(payload).encode()
    return Sent(url, sign_jws(bench.client.key, body, bench.client.header(url)))


def _revocations() -> Iterator[BadRequest]:
    for name, refusal, body in (
        ("nothing", MALFORMED, {}),
        ("null", MALFORMED, {"certificate": None}),
        ("a number", MALFORMED, {"certificate": 7}),
        ("an empty text", MALFORMED, {"certificate": ""}),
        ("with padding", MALFORMED, {"certificate": "AA=="}),
        ("other base64", MALFORMED, {"certificate": "A+/A"}),
        ("noise", MALFORMED, {"certificate": b64(b"hello")}),
        ("PEM", MALFORMED, {"certificate": b64(b"-----BEGIN CERTIFICATE-----\n")}),
    ):
        yield signed(f"revoke: {name}", refusal, "revokeCert", body)
    yield signed(
        "revoke: a certificate cut off", MALFORMED, "revokeCert", lambda b: {"certificate": b64(b.leaf[:-1])}
    )
    yield signed(
        "revoke: a certificate of another CA",
        NOT_FOUND,
        "revokeCert",
        lambda b: {"certificate": b64(b.foreign_leaf)},
    )
    reasons: tuple[Any, ...] = (7, 11, -1, 99, 2**70, "1", True, 1.5, [], {}, None)
    for reason in reasons:
        yield signed(
            f"revoke: for the reason {str(reason)[:6]!r}",
            (400, "badRevocationReason"),
            "revokeCert",
            partial(_leaf_for, reason),
        )
    leaf = lambda bench: {"certificate": b64(bench.leaf)}  # noqa: E731 - one payload for all who may not
    yield signed("revoke: by another account", UNAUTHORIZED, "revokeCert", leaf, by="other")
    yield signed("revoke: by a key of nobody", UNAUTHORIZED, "revokeCert", leaf, by="newcomer")
    yield signed(
        "revoke: by the account's key as a key",
        UNAUTHORIZED,
        "revokeCert",
        leaf,
        header=lambda b: {"kid": None, "jwk": b.client.key.jwk},
    )


def _leaf_for(reason: Any, bench: Bench) -> Any:
    return {"certificate": b64(bench.leaf), "reason": reason}
