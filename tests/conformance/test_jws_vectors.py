"""Our JWS against josepy's objects and the examples of the RFCs."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from josepy.jwa import ES256, ES384, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA
from josepy.jws import JWS

from acme.wire.jws import parse_jws, verify_jws
from acme.wire.keys import key_of, parse_jwk
from tests.support.acme_client import ClientKey, b64, sign_jws

KEYS = {
    "ES256": ClientKey.new(),
    "ES384": ClientKey.new(ec.SECP384R1()),
    "ES512": ClientKey.new(ec.SECP521R1()),
    "RS256": ClientKey(rsa.generate_private_key(65537, 2048)),
    "PS256": ClientKey(rsa.generate_private_key(65537, 2048), "PS256"),
    "Ed25519": ClientKey(ed25519.Ed25519PrivateKey.generate()),
    "EdDSA": ClientKey(ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
}


def test_the_thumbprint_is_that_of_rfc_7638_section_3_1() -> None:
    jwk = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF"
            "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9"
            "c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1"
            "jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert parse_jwk(jwk).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_thumbprint_is_that_of_rfc_8037_appendix_a_3() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert parse_jwk(jwk).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("name", ["ES256", "ES384", "ES512", "RS256"])
def test_thumbprints_are_those_of_josepy(name: str) -> None:
    theirs = JWK.from_json(KEYS[name].jwk)
    assert isinstance(theirs, JWK)
    assert parse_jwk(KEYS[name].jwk).thumbprint == b64(theirs.thumbprint())


@pytest.mark.parametrize("name", list(KEYS))
def test_a_key_of_a_csr_has_the_thumbprint_of_its_jwk(name: str) -> None:
    assert key_of(KEYS[name].private_key.public_key()).thumbprint == KEYS[name].thumbprint


@pytest.mark.parametrize("name", list(KEYS))
def test_every_algorithm_of_the_table_verifies(name: str) -> None:
    key = KEYS[name]
    header = {"alg": name, "nonce": "n", "url": "https://ca/x", "jwk": key.jwk}
    unverified = parse_jws(sign_jws(key, b'{"a":1}', header))
    assert verify_jws(unverified, parse_jwk(key.jwk)).read_payload() == {"a": 1}


@pytest.mark.parametrize(
    ("name", "jwk", "algorithm"),
    [
        ("ES256", JWKEC, ES256),
        ("ES384", JWKEC, ES384),
        ("RS256", JWKRSA, RS256),
    ],
)
def test_what_josepy_signs_we_verify(name: str, jwk: type[JWK], algorithm: JWASignature) -> None:
    key = KEYS[name]
    signed = JWS.sign(
        payload=b'{"a":1}',
        key=jwk(key=key.private_key),
        alg=algorithm,
        protect=frozenset({"alg"}),
        include_jwk=False,
    )
    signature = signed.signature
    protected = signature.protected.encode()
    assert set(json.loads(protected)) == {"alg"}
    jws = parse_jws(sign_jws(key, b'{"a":1}', {"alg": name, "nonce": "n", "url": "https://ca/x", "kid": "k"}))
    theirs = type(jws)(
        algorithm=jws.algorithm,
        nonce=jws.nonce,
        url=jws.url,
        jwk=None,
        kid="k",
        payload=b'{"a":1}',
        signing_input=".".join((b64(protected), b64(b'{"a":1}'))).encode(),
        signature=signature.signature,
    )
    assert verify_jws(theirs, parse_jwk(key.jwk)).payload == b'{"a":1}'
