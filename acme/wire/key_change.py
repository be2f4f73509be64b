"""The JWS within the JWS of a key change (RFC 8555 section 7.3.5)."""

from collections.abc import Mapping
from typing import Any

from acme.errors import BadPublicKeyError, BadSignatureAlgorithmError, UnauthorizedError
from acme.wire.jws import (
    VerifiedJws,
    jwk_in,
    parse_flattened,
    signature_algorithm,
    text_in,
    verify_signature,
)
from acme.wire.keys import AccountKey, parse_jwk
from acme.wire.strict_json import parse_object
from ca_service.kernel.errors import MalformedError

_WHAT = "inner JWS"
_HEADER = frozenset({"alg", "url", "jwk"})


def parse_key_change(outer: VerifiedJws) -> AccountKey:
    """Return the new key of an account, which signed that it replaces the key that signed the request.

    Raises BadPublicKeyError for a key that may not own an account, BadSignatureAlgorithmError, and
    MalformedError for everything else. The payload is not read before the new key's signature was verified.
    """
    inner = parse_flattened(outer.read_payload(), _WHAT)
    _verify_members(inner.header)
    algorithm = signature_algorithm(inner.header)
    if text_in(inner.header, "url") != outer.url:
        raise MalformedError("The `url` of the inner JWS is not the one of the outer JWS.")
    key = parse_jwk(jwk_in(inner.header), algorithm)
    try:
        verify_signature(key, algorithm, inner.signing_input, inner.signature)
    except UnauthorizedError as error:
        raise MalformedError("The inner JWS is not signed by the new key in its `jwk`.") from error
    _verify_statement(parse_object(inner.payload, "payload of the inner JWS"), outer)
    if key.thumbprint == outer.key.thumbprint:
        raise MalformedError("The new key is the one that the account has; make another.")
    return key


def _verify_members(header: Mapping[str, Any]) -> None:
    if "nonce" in header:
        raise MalformedError("The inner JWS must not have a `nonce`.")
    if "jwk" not in header or "kid" in header:
        raise MalformedError("The inner JWS must name the new key as `jwk`, and have no `kid`.")
    unknown = header.keys() - _HEADER
    if unknown:
        name = min(unknown)[:40]
        raise MalformedError(
            f"The header of the inner JWS has the member `{name}`, which ACME does not know."
        )


def _verify_statement(statement: Mapping[str, Any], outer: VerifiedJws) -> None:
    if text_in(statement, "account") != outer.kid:
        raise MalformedError("The `account` of the inner JWS is not the `kid` of the outer JWS.")
    try:
        old = parse_jwk(statement.get("oldKey"))
    except (BadPublicKeyError, BadSignatureAlgorithmError) as error:
        raise MalformedError(f"The `oldKey` is not the account's key: {error.detail}") from error
    if old.thumbprint != outer.key.thumbprint:
        raise MalformedError("The `oldKey` is not the account's key.")
