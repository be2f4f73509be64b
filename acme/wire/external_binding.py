"""The JWS by which a new account is bound to an external one (RFC 8555 section 7.3.4)."""

import hmac
from collections.abc import Mapping

from msgspec import Struct

from acme.errors import BadPublicKeyError, ExternalBindingError
from acme.wire.jws import parse_flattened, text_in
from acme.wire.keys import parse_jwk
from acme.wire.strict_json import parse_object
from ca_service.kernel.errors import MalformedError

_WHAT = "external account binding"
#: RFC 7518 section 3.2; nothing else in ACME is a MAC.
_HASHES: Mapping[str, str] = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_HEADER = frozenset({"alg", "kid", "url"})
REFUSED = (
    "The external account binding is not by a key that this directory takes; check key id and HMAC key, or "
    "ask the operator for another."
)


class UnverifiedBinding(Struct, frozen=True):
    """A binding in the right shape whose MAC nobody has checked. `kid` says by which key it was made."""

    kid: str
    algorithm: str
    payload: bytes
    signing_input: bytes
    mac: bytes


def parse_external_binding(data: bytes, url: str) -> UnverifiedBinding:
    """Return the binding in a request to `url`. Raises MalformedError."""
    parts = parse_flattened(parse_object(data, _WHAT), _WHAT)
    header = parts.header
    if "nonce" in header:
        raise MalformedError("The external account binding must not have a `nonce`.")
    unknown = header.keys() - _HEADER
    if unknown:
        name = min(unknown)[:40]
        raise MalformedError(f"The header of the external account binding has the member `{name}`.")
    algorithm = text_in(header, "alg")
    if algorithm not in _HASHES:
        raise MalformedError(
            f"The external account binding is made with `{algorithm[:40]}`; use one of {', '.join(_HASHES)}."
        )
    if text_in(header, "url") != url:
        raise MalformedError("The `url` of the external account binding is not the one of the request.")
    return UnverifiedBinding(
        kid=text_in(header, "kid"),
        algorithm=algorithm,
        payload=parts.payload,
        signing_input=parts.signing_input,
        mac=parts.signature,
    )


def verify_external_binding(binding: UnverifiedBinding, hmac_key: bytes, thumbprint: str) -> None:
    """Return if the binding was made with the HMAC key, for the account key with this thumbprint.

    Raises ExternalBindingError for a wrong MAC, MalformedError for the payload, which is not read before.
    """
    expected = hmac.digest(hmac_key, binding.signing_input, _HASHES[binding.algorithm])
    if not hmac.compare_digest(expected, binding.mac):
        raise ExternalBindingError(REFUSED)
    try:
        bound = parse_jwk(parse_object(binding.payload, "payload of the external account binding"))
    except BadPublicKeyError as error:
        raise MalformedError(f"The external account binding holds no account key: {error.detail}") from error
    if bound.thumbprint != thumbprint:
        raise MalformedError("The external account binding is for another key than the one that signed.")
