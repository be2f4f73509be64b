"""The signed requests of ACME (RFC 8555 section 6.2; RFC 7515), read strictly as S16 says.

A request goes through two types: `UnverifiedJws`, of which nothing may be believed, and `VerifiedJws`, which
`verify_jws` alone makes.
"""

from collections.abc import Mapping
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from msgspec import Struct

from acme.errors import BadNonceError, BadSignatureAlgorithmError, UnauthorizedError
from acme.wire import base64url
from acme.wire.keys import AccountKey
from acme.wire.strict_json import parse_object
from ca_service.kernel.errors import MalformedError, TooLargeError

MAXIMUM_BODY = 64 * 1024

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "PS256", "Ed25519", "EdDSA")
_ES_HASHES: Mapping[str, tuple[hashes.HashAlgorithm, int]] = {
    "ES256": (hashes.SHA256(), 32),
    "ES384": (hashes.SHA384(), 48),
    "ES512": (hashes.SHA512(), 66),
}
_HEADER = frozenset({"alg", "nonce", "url", "jwk", "kid"})


class UnverifiedJws(Struct, frozen=True):
    """A JWS in the right shape whose signature nobody has checked. Exactly one of `jwk` and `kid` is set."""

    algorithm: str
    nonce: str
    url: str
    jwk: dict[str, Any] | None
    kid: str | None
    payload: bytes
    signing_input: bytes
    signature: bytes


class VerifiedJws(Struct, frozen=True):
    """A JWS whose signature was verified with `key`; made in this module and nowhere else.

    `signed_by` says how the key was named, which decides where the request may be used (section 6.2).
    """

    key: AccountKey
    signed_by: Literal["jwk", "kid"]
    kid: str | None
    nonce: str
    url: str
    payload: bytes

    @property
    def is_post_as_get(self) -> bool:
        """Return whether the payload is the empty string (section 6.3)."""
        return not self.payload

    def read_payload(self) -> dict[str, Any]:
        """Return the payload's JSON object. Raises MalformedError."""
        if not self.payload:
            raise MalformedError("This address needs a JSON object as payload; it was sent the empty string.")
        return parse_object(self.payload, "payload")


class Flattened(Struct, frozen=True):
    """The parts of one JWS in flattened JSON serialization (RFC 7515 section 7.2.2); nothing is verified."""

    header: dict[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes


def parse_flattened(members: Mapping[str, Any], what: str) -> Flattened:
    """Return the parts of a JWS; `what` names it in the error. Raises MalformedError."""
    if "signatures" in members:
        raise MalformedError(f"The {what} must be in flattened JSON serialization, with one signature.")
    if "header" in members:
        raise MalformedError(f"The {what} must not have an unprotected `header`.")
    protected, payload, signature = (text_in(members, name) for name in ("protected", "payload", "signature"))
    if len(members) != 3:
        raise MalformedError(
            f"The {what} must have the members `protected`, `payload`, `signature` and no others."
        )
    return Flattened(
        header=parse_object(base64url.decode(protected, "protected header"), "protected header"),
        payload=base64url.decode(payload, "payload"),
        signing_input=f"{protected}.{payload}".encode("ascii"),
        signature=base64url.decode(signature, "signature"),
    )


def parse_jws(body: bytes) -> UnverifiedJws:
    """Return the JWS in a request body: flattened JSON serialization only (RFC 8555 section 6.2).

    Raises TooLargeError beyond 64 KiB, BadNonceError and BadSignatureAlgorithmError for those two header
    members, MalformedError for everything else.
    """
    if len(body) > MAXIMUM_BODY:
        raise TooLargeError(f"The request is larger than {MAXIMUM_BODY} bytes.")
    parts = parse_flattened(parse_object(body, "request"), "JWS")
    header = parts.header
    _verify_header_members(header)
    return UnverifiedJws(
        algorithm=signature_algorithm(header),
        nonce=_nonce(header),
        url=text_in(header, "url"),
        jwk=jwk_in(header),
        kid=text_in(header, "kid") if "kid" in header else None,
        payload=parts.payload,
        signing_input=parts.signing_input,
        signature=parts.signature,
    )


def verify_jws(jws: UnverifiedJws, key: AccountKey) -> VerifiedJws:
    """Return the verified JWS.

    Raises BadSignatureAlgorithmError if the key is not for the header's algorithm, UnauthorizedError if the
    signature is not this key's.
    """
    verify_signature(key, jws.algorithm, jws.signing_input, jws.signature)
    return VerifiedJws(
        key=key,
        signed_by="kid" if jws.jwk is None else "jwk",
        kid=jws.kid,
        nonce=jws.nonce,
        url=jws.url,
        payload=jws.payload,
    )


def verify_signature(key: AccountKey, algorithm: str, signing_input: bytes, signature: bytes) -> None:
    """Return if the signature is this key's.

    Raises BadSignatureAlgorithmError if the key is not for the algorithm, UnauthorizedError otherwise.
    """
    if algorithm not in key.algorithms:
        raise BadSignatureAlgorithmError(
            f"The key signs with {' or '.join(key.algorithms)}; the JWS says `{algorithm}`."
        )
    try:
        _verify_with(key, algorithm, signing_input, signature)
    except InvalidSignature as error:
        raise UnauthorizedError("The signature of the JWS is not that of the key it names.") from error


def _verify_with(key: AccountKey, algorithm: str, signing_input: bytes, signature: bytes) -> None:
    public_key = key.public_key
    if isinstance(public_key, EllipticCurvePublicKey):
        hash_, size = _ES_HASHES[algorithm]
        # RFC 7518 section 3.4: R and S, each exactly as long as the curve's order.
        if len(signature) != 2 * size:
            raise InvalidSignature
        r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
        public_key.verify(encode_dss_signature(r, s), signing_input, ECDSA(hash_))
    elif isinstance(public_key, Ed25519PublicKey):
        public_key.verify(signature, signing_input)
    elif algorithm == "PS256":
        sha256 = hashes.SHA256()
        scheme = padding.PSS(padding.MGF1(sha256), sha256.digest_size)
        public_key.verify(signature, signing_input, scheme, sha256)
    else:
        public_key.verify(signature, signing_input, padding.PKCS1v15(), hashes.SHA256())


def _verify_header_members(header: Mapping[str, Any]) -> None:
    unknown = header.keys() - _HEADER
    if unknown:
        name = min(unknown)[:40]
        raise MalformedError(f"The protected header has the member `{name}`, which ACME does not know.")
    if ("jwk" in header) == ("kid" in header):
        raise MalformedError("The protected header must have exactly one of `jwk` and `kid`.")


def signature_algorithm(header: Mapping[str, Any]) -> str:
    """Return the `alg` of a protected header. Raises BadSignatureAlgorithmError for all but ours."""
    algorithm = text_in(header, "alg")
    if algorithm not in ALGORITHMS:
        raise BadSignatureAlgorithmError(
            f"The algorithm `{algorithm[:40]}` is not accepted; use one of {', '.join(ALGORITHMS)}."
        )
    return algorithm


def _nonce(header: Mapping[str, Any]) -> str:
    if "nonce" not in header:
        raise BadNonceError("The protected header has no `nonce`; use the one of this answer.")
    return text_in(header, "nonce")


def jwk_in(header: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the `jwk` of a protected header, if it has one. Raises MalformedError if it is no object."""
    jwk = header.get("jwk")
    if "jwk" in header and not isinstance(jwk, dict):
        raise MalformedError("The `jwk` in the protected header is not an object.")
    return jwk


def text_in(members: Mapping[str, Any], name: str) -> str:
    """Return a member that must be text. Raises MalformedError."""
    value = members.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"The member `{name}` is missing or not text.")
    return value
