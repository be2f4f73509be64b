"""Key changes from strangers: whatever the inner JWS holds, only a refusal of ours comes out."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acme.wire.jws import VerifiedJws
from acme.wire.key_change import parse_key_change
from acme.wire.keys import parse_jwk
from ca_service.kernel.errors import KeywrightError
from tests.support.acme_client import ClientKey, sign_jws

OLD, NEW = ClientKey.new(), ClientKey.new()
URL, KID = "https://ca/acme/default/key-change", "https://ca/acme/default/account/acc_1"
HEADER = {"alg": "ES256", "jwk": NEW.jwk, "url": URL}
STATEMENT = {"account": KID, "oldKey": OLD.jwk}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def outer(payload: bytes) -> VerifiedJws:
    """Return the verified request that holds the payload."""
    key = parse_jwk(OLD.jwk)
    return VerifiedJws(key=key, signed_by="kid", kid=KID, nonce="n", url=URL, payload=payload)


def is_taken(payload: bytes) -> bool:
    """Tell whether a key change is taken, and fail on anything but a refusal of ours."""
    try:
        return parse_key_change(outer(payload)).thumbprint == NEW.thumbprint
    except KeywrightError:
        return False


def test_the_change_that_is_spoiled_here_is_a_good_one() -> None:
    assert is_taken(sign_jws(NEW, json.dumps(STATEMENT).encode(), HEADER))


@given(st.binary(max_size=300))
def test_any_bytes(payload: bytes) -> None:
    assert not is_taken(payload)


@given(JSON)
def test_any_json(payload: Any) -> None:
    assert not is_taken(json.dumps(payload).encode())


@given(st.dictionaries(st.sampled_from([*HEADER, "kid", "nonce", "crit"]), JSON, min_size=1))
def test_any_header_but_the_right_one(changes: dict[str, Any]) -> None:
    assert not is_taken(sign_jws(NEW, json.dumps(STATEMENT).encode(), HEADER | changes))


@given(st.dictionaries(st.sampled_from([*STATEMENT]), JSON, min_size=1))
def test_any_statement_but_the_right_one(changes: dict[str, Any]) -> None:
    assert not is_taken(sign_jws(NEW, json.dumps(STATEMENT | changes).encode(), HEADER))


@given(st.binary(max_size=200))
def test_any_signed_bytes(statement: bytes) -> None:
    assert not is_taken(sign_jws(NEW, statement, HEADER))


@given(st.dictionaries(st.sampled_from(["protected", "payload", "signature", "header"]), JSON, min_size=1))
def test_any_outer_members(changes: dict[str, Any]) -> None:
    assert not is_taken(sign_jws(NEW, json.dumps(STATEMENT).encode(), HEADER, **changes))
