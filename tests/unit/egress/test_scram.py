"""What a server keeps of a password, by the example of RFC 7677 section 3."""

import hashlib
import hmac
from base64 import b64decode

import pytest

from ca_service.egress.scram import scram_verifier

_NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
_SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
_SAID = (
    f"n=user,r={_NONCE[:20]},r={_NONCE},s={_SALT},i=4096,c=biws,r={_NONCE}"  # the AuthMessage of RFC 5802
).encode()
_PROOF = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
_SIGNATURE = b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_the_keys_are_those_that_the_example_signs_with() -> None:
    method, rounds, keys = scram_verifier("pencil", b64decode(_SALT)).split("$")
    stored, server = map(b64decode, keys.split(":"))

    assert (method, rounds) == ("SCRAM-SHA-256", f"4096:{_SALT}")
    assert hmac.digest(server, _SAID, "sha256") == _SIGNATURE
    signature = hmac.digest(stored, _SAID, "sha256")
    client = bytes(proof ^ mask for proof, mask in zip(_PROOF, signature, strict=True))
    assert hashlib.sha256(client).digest() == stored


@pytest.mark.parametrize("password", ["pässword", "tab\t", "nul\0"])
def test_a_password_that_would_have_to_be_prepared_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        scram_verifier(password, bytes(16))
