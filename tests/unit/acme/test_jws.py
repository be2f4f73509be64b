"""What a JWS must look like before its signature is even considered (S16)."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from acme.errors import BadNonceError, BadPublicKeyError, BadSignatureAlgorithmError, UnauthorizedError
from acme.wire.jws import parse_jws, verify_jws
from acme.wire.keys import KeyCache, parse_jwk
from ca_service.kernel.errors import KeywrightError, MalformedError, TooLargeError
from tests.support.acme_client import ClientKey, b64, sign_jws

KEY = ClientKey.new()
HEADER = {"alg": "ES256", "nonce": "n", "url": "https://ca/x", "jwk": KEY.jwk}


def test_a_good_request_is_read() -> None:
    jws = parse_jws(sign_jws(KEY, b'{"a":1}', HEADER))
    assert (jws.algorithm, jws.nonce, jws.url, jws.kid) == ("ES256", "n", "https://ca/x", None)


def test_an_empty_payload_is_a_post_as_get() -> None:
    jws = verify_jws(parse_jws(sign_jws(KEY, None, HEADER)), parse_jwk(KEY.jwk))
    assert jws.is_post_as_get


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"alg": "none"}, BadSignatureAlgorithmError),
        ({"alg": "HS256"}, BadSignatureAlgorithmError),
        ({"alg": "RS1"}, BadSignatureAlgorithmError),
        ({"alg": 256}, MalformedError),
        ({"nonce": 1}, MalformedError),
        ({"url": None}, MalformedError),
        ({"url": ["https://ca/x"]}, MalformedError),
        ({"crit": ["exp"]}, MalformedError),
        ({"b64": False}, MalformedError),
        ({"x5u": "https://evil"}, MalformedError),
        ({"jku": "https://evil"}, MalformedError),
        ({"typ": "JWT"}, MalformedError),
        ({"kid": "https://ca/acct/1"}, MalformedError),
        ({"jwk": None}, MalformedError),
        ({"jwk": "key"}, MalformedError),
        ({"jwk": [1]}, MalformedError),
    ],
    ids=str,
)
def test_a_protected_header_with_a_fault_is_refused(
    changes: dict[str, Any], error: type[KeywrightError]
) -> None:
    with pytest.raises(error):
        parse_jws(sign_jws(KEY, b"{}", HEADER | changes))


def test_a_header_without_a_nonce_is_told_to_take_one() -> None:
    header = {name: value for name, value in HEADER.items() if name != "nonce"}
    with pytest.raises(BadNonceError):
        parse_jws(sign_jws(KEY, b"{}", header))


def test_a_header_without_a_key_is_refused() -> None:
    header = {name: value for name, value in HEADER.items() if name != "jwk"}
    with pytest.raises(MalformedError):
        parse_jws(sign_jws(KEY, b"{}", header))


@pytest.mark.parametrize(
    "outer",
    [
        {"header": {}},
        {"header": {"alg": "ES256"}},
        {"signatures": []},
        {"extra": 1},
        {"protected": "e30="},
        {"protected": "not base64"},
        {"protected": b64(b"[]")},
        {"protected": b64(b"{")},
        {"protected": 5},
        {"payload": "e30="},
        {"payload": "****"},
        {"payload": None},
        {"signature": "A"},
        {"signature": "AB=="},
        {"signature": {}},
    ],
    ids=str,
)
def test_an_outer_object_with_a_fault_is_refused(outer: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        parse_jws(sign_jws(KEY, b"{}", HEADER, **outer))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe{}",
        b'{"protected": NaN}',
        b'{"a": Infinity}',
        b'{"a": {"a": 1, "a": 2}}',
        b'{"a":' + b"[" * 17 + b"]" * 17 + b"}",
        b"[" * 60000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln",
    ],
    ids=lambda body: body[:20],
)
def test_bytes_that_are_no_flattened_jws_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_jws(body)


def test_a_member_of_the_header_that_stands_twice_is_refused() -> None:
    protected = json.dumps(HEADER)[:-1] + ', "alg": "RS256"}'
    with pytest.raises(MalformedError, match="twice"):
        parse_jws(sign_jws(KEY, b"{}", HEADER, protected=b64(protected.encode())))


def test_brackets_inside_a_text_are_not_depth() -> None:
    payload = json.dumps({"text": "[" * 100 + '\\"' + "{" * 100}).encode()
    jws = verify_jws(parse_jws(sign_jws(KEY, payload, HEADER)), parse_jwk(KEY.jwk))
    assert jws.read_payload()["text"].startswith("[[[")


def test_a_body_beyond_64_kib_is_too_large() -> None:
    with pytest.raises(TooLargeError):
        parse_jws(b" " * (64 * 1024 + 1))


def test_a_signature_in_another_encoding_is_refused() -> None:
    jws = parse_jws(sign_jws(KEY, b"{}", HEADER))
    half = len(jws.signature) // 2
    der = encode_dss_signature(
        int.from_bytes(jws.signature[:half], "big"), int.from_bytes(jws.signature[half:], "big")
    )
    with pytest.raises(UnauthorizedError):
        verify_jws(parse_jws(sign_jws(KEY, b"{}", HEADER, signature=b64(der))), parse_jwk(KEY.jwk))


def test_a_signature_with_leading_zeros_is_refused() -> None:
    jws = parse_jws(sign_jws(KEY, b"{}", HEADER))
    protected = base64.urlsafe_b64encode(json.dumps(HEADER).encode()).rstrip(b"=").decode()
    padded = b"\0" + jws.signature[:32] + b"\0" + jws.signature[32:]
    body = json.dumps({"protected": protected, "payload": b64(b"{}"), "signature": b64(padded)}).encode()
    with pytest.raises(UnauthorizedError):
        verify_jws(parse_jws(body), parse_jwk(KEY.jwk))


def test_a_signature_of_another_key_is_refused() -> None:
    with pytest.raises(UnauthorizedError):
        verify_jws(parse_jws(sign_jws(ClientKey.new(), b"{}", HEADER)), parse_jwk(KEY.jwk))


def test_a_changed_payload_is_refused() -> None:
    with pytest.raises(UnauthorizedError):
        verify_jws(parse_jws(sign_jws(KEY, b"{}", HEADER, payload=b64(b'{"a":1}'))), parse_jwk(KEY.jwk))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ClientKey(ec.generate_private_key(ec.SECP384R1())), "ES256"),
        (ClientKey(ec.generate_private_key(ec.SECP256R1())), "ES512"),
        (ClientKey(ec.generate_private_key(ec.SECP256R1())), "RS256"),
        (ClientKey(rsa.generate_private_key(65537, 2048)), "ES256"),
        (ClientKey(rsa.generate_private_key(65537, 2048)), "EdDSA"),
    ],
)
def test_the_key_decides_the_algorithm_and_not_the_header(key: ClientKey, algorithm: str) -> None:
    header = {"alg": algorithm, "nonce": "n", "url": "https://ca/x", "jwk": key.jwk}
    with pytest.raises(BadSignatureAlgorithmError):
        verify_jws(parse_jws(sign_jws(key, b"{}", header)), parse_jwk(key.jwk))


RSA = ClientKey(rsa.generate_private_key(65537, 2048)).jwk


@pytest.mark.parametrize(
    ("jwk", "error"),
    [
        (KEY.jwk | {"d": "AAAA"}, BadPublicKeyError),
        (KEY.jwk | {"crv": "P-192"}, BadPublicKeyError),
        (KEY.jwk | {"crv": "secp256k1"}, BadPublicKeyError),
        (KEY.jwk | {"crv": ["P-256"]}, BadPublicKeyError),
        (KEY.jwk | {"crv": "P-384"}, BadPublicKeyError),
        (KEY.jwk | {"x": KEY.jwk["x"] + "AA"}, BadPublicKeyError),
        (KEY.jwk | {"x": b64(bytes(32))}, BadPublicKeyError),
        (KEY.jwk | {"x": KEY.jwk["x"] + "="}, BadPublicKeyError),
        (KEY.jwk | {"y": 5}, BadPublicKeyError),
        ({"kty": "EC", "crv": "P-256", "x": KEY.jwk["x"]}, BadPublicKeyError),
        ({"kty": "oct", "k": "AAAA"}, BadPublicKeyError),
        ({"kty": "XXX"}, BadPublicKeyError),
        ({}, BadPublicKeyError),
        (RSA | {"e": b64(b"\x01")}, BadPublicKeyError),
        (RSA | {"e": b64(b"\x01\x00\x00")}, BadPublicKeyError),
        (RSA | {"e": b64(b"\x01\x00\x00\x00\x01")}, BadPublicKeyError),
        (RSA | {"n": b64(b"\xff" * 128)}, BadPublicKeyError),
        (RSA | {"n": b64(b"\xff" * 513)}, BadPublicKeyError),
        (RSA | {"n": b64(b"\xff" * 8192)}, BadPublicKeyError),
        (RSA | {"n": b64(b"\x80" + bytes(255))}, BadPublicKeyError),
        (RSA | {"n": b64(b"\0" + b"\xff" * 256)}, BadPublicKeyError),
        ({"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))}, BadPublicKeyError),
        ({"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(31))}, BadPublicKeyError),
        (KEY.jwk | {"use": "enc"}, MalformedError),
        (KEY.jwk | {"alg": "ES384"}, MalformedError),
        (KEY.jwk | {"key_ops": ["sign"]}, MalformedError),
        (KEY.jwk | {"key_ops": "verify"}, MalformedError),
    ],
)
def test_a_key_that_may_own_no_account_is_refused(jwk: dict[str, Any], error: type[KeywrightError]) -> None:
    with pytest.raises(error):
        parse_jwk(jwk, "ES256")


def test_members_of_a_jwk_that_nobody_knows_are_ignored() -> None:
    assert parse_jwk(KEY.jwk | {"kid": "mine", "use": "sig", "x5t": "AA"}).thumbprint == KEY.thumbprint


def test_the_key_cache_forgets_what_was_not_used_for_longest() -> None:
    cache = KeyCache(size=1)
    other = ClientKey.new()
    first = cache.load(KEY.thumbprint, json.dumps(KEY.jwk).encode())
    cache.load(other.thumbprint, json.dumps(other.jwk).encode())
    assert cache.load(KEY.thumbprint, json.dumps(KEY.jwk).encode()) is not first


def test_the_key_cache_keeps_what_is_used() -> None:
    cache = KeyCache(size=2)
    first = cache.load(KEY.thumbprint, json.dumps(KEY.jwk).encode())
    assert cache.load(KEY.thumbprint, json.dumps(KEY.jwk).encode()) is first
