"""The JWS within a JWS, of an external binding and of a key change: strangers write both."""

import hashlib
import hmac
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acme.wire.external_binding import parse_external_binding, verify_external_binding
from acme.wire.jws import VerifiedJws
from acme.wire.key_change import parse_key_change
from acme.wire.keys import parse_jwk
from ca_service.kernel.errors import KeywrightError
from tests.support.acme_client import ClientKey, b64, sign_jws

OLD, NEW = ClientKey.new(), ClientKey.new()
SECRET = b"s" * 64
URL = "https://ca/acme/x/new-account"
HEADER = {"alg": "HS256", "kid": "k", "url": URL}
KID = "https://ca/acme/x/account/1"
INNER = {"alg": "ES256", "url": URL, "jwk": NEW.jwk}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def bind(header: Any, payload: bytes, /, **outer: Any) -> bytes:
    """Return a binding whose MAC is right, unless `outer` replaces it."""
    protected, body = b64(json.dumps(header).encode()), b64(payload)
    mac = hmac.digest(SECRET, f"{protected}.{body}".encode(), hashlib.sha256)
    return json.dumps({"protected": protected, "payload": body, "signature": b64(mac)} | outer).encode()


def is_taken(data: bytes) -> bool:
    """Tell whether the account of `OLD` would be bound; every error but ours is a failure."""
    try:
        binding = parse_external_binding(data, URL)
        verify_external_binding(binding, SECRET, OLD.thumbprint)
    except KeywrightError:
        return False
    return True


def test_the_binding_as_it_should_be_is_taken() -> None:
    assert is_taken(bind(HEADER, json.dumps(OLD.jwk).encode()))


@given(st.binary(max_size=300))
def test_no_random_bytes_bind(data: bytes) -> None:
    assert not is_taken(data)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*HEADER, "nonce", "jwk", "crit", "b64"), JSON)))
def test_any_header_of_a_binding(changes: dict[str, Any]) -> None:
    header = HEADER | changes
    is_right = header.keys() == HEADER.keys() and (header["alg"], header["url"]) == ("HS256", URL)
    taken = is_taken(bind(header, json.dumps(OLD.jwk).encode()))
    assert not taken or (is_right and isinstance(header["kid"], str))


@given(st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_payload_of_a_binding(payload: bytes) -> None:
    assert not is_taken(bind(HEADER, payload))


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("protected", "payload", "signature", "header"), JSON))
)
def test_any_members_of_a_binding(changes: dict[str, Any]) -> None:
    assert changes == {} or not is_taken(bind(HEADER, json.dumps(OLD.jwk).encode(), **changes))


def changed_key(payload: bytes) -> str | None:
    """Return the thumbprint of the key that a request of `OLD` changes to, None where it is refused."""
    outer = VerifiedJws(parse_jwk(OLD.jwk), "kid", KID, "n", URL, payload)
    try:
        return parse_key_change(outer).thumbprint
    except KeywrightError:
        return None


STATEMENT = {"account": KID, "oldKey": OLD.jwk}


def test_the_key_change_as_it_should_be_is_taken() -> None:
    assert changed_key(sign_jws(NEW, json.dumps(STATEMENT).encode(), INNER)) == NEW.thumbprint


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_random_payload_changes_a_key(payload: bytes) -> None:
    assert changed_key(payload) is None


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("alg", "url", "jwk", "nonce", "kid"), JSON)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("account", "oldKey"), JSON)),
)
def test_any_inner_jws(header: dict[str, Any], statement: dict[str, Any]) -> None:
    inner = sign_jws(NEW, json.dumps(STATEMENT | statement).encode(), INNER | header)
    assert changed_key(inner) is None or (header, statement) == ({}, {})
