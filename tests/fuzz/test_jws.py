"""Bytes from strangers: whatever they are, a refusal of ours comes out and no other error."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acme.accounts import parse_contacts
from acme.identifiers import parse_identifiers
from acme.wire.jws import parse_jws, verify_jws
from acme.wire.keys import parse_jwk
from acme.wire.strict_json import parse_object
from ca_service.kernel.errors import KeywrightError
from tests.support.acme_client import ClientKey, b64, sign_jws

KEY = ClientKey.new()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HEADER = {"alg": "ES256", "nonce": "n", "url": "https://ca/x", "jwk": KEY.jwk}


@given(st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    try:
        parse_jws(body)
    except KeywrightError:
        return
    raise AssertionError("random bytes are no JWS")


@given(st.text(max_size=300))
def test_any_text_as_json(text: str) -> None:
    try:
        found = parse_object(text.encode("utf-8", "surrogatepass"), "text")
    except KeywrightError:
        return
    assert found == json.loads(text)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*HEADER, "kid", "crit"), JSON)))
def test_any_protected_header(changes: dict[str, Any]) -> None:
    body = sign_jws(KEY, b"{}", HEADER | changes)
    try:
        jws = parse_jws(body)
        verify_jws(jws, parse_jwk(jws.jwk, jws.algorithm))
    except KeywrightError:
        return


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("protected", "payload", "signature"), JSON)))
def test_any_outer_members(changes: dict[str, Any]) -> None:
    body = sign_jws(KEY, b"{}", HEADER, **changes)
    try:
        verify_jws(parse_jws(body), parse_jwk(KEY.jwk))
    except KeywrightError:
        return
    assert changes == {} or json.loads(body)["payload"] == b64(b"{}")


@given(
    st.sampled_from(["EC", "RSA", "OKP", "oct"]),
    st.dictionaries(st.sampled_from(["crv", "x", "y", "n", "e", "d", "alg", "use", "key_ops"]), JSON),
)
def test_any_jwk(kty: str, members: dict[str, Any]) -> None:
    try:
        parse_jwk({"kty": kty, **members}, "ES256")
    except KeywrightError:
        return
    raise AssertionError("no random JWK is a key")


@given(st.binary(min_size=64, max_size=64))
def test_no_random_signature_verifies(signature: bytes) -> None:
    body = sign_jws(KEY, b"{}", HEADER, signature=b64(signature))
    try:
        verify_jws(parse_jws(body), parse_jwk(KEY.jwk))
    except KeywrightError:
        return
    raise AssertionError("a random signature verified")


@given(JSON)
def test_any_identifiers(value: Any) -> None:
    try:
        parse_identifiers(value)
    except KeywrightError:
        return


@given(st.lists(st.fixed_dictionaries({"type": st.just("dns"), "value": st.text(max_size=80)}), min_size=1))
def test_any_dns_identifiers(value: list[dict[str, str]]) -> None:
    try:
        found = parse_identifiers(value)
    except KeywrightError:
        return
    assert all(each.value.isascii() and each.value == each.value.lower() for each in found)


@given(JSON | st.lists(st.text(max_size=60).map(lambda text: f"mailto:{text}"), max_size=3))
def test_any_contacts(value: Any) -> None:
    try:
        parse_contacts(value)
    except KeywrightError:
        return
