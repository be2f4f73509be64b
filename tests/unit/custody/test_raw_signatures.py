"""Signatures over messages and digests, by every scheme of every kind of key."""

from hashlib import new

import pytest

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import IntegrityError, SignatureRefusedError
from ca_service.custody.generation import GeneratedKey, generate_key
from ca_service.custody.public_keys import public_key_der
from ca_service.custody.raw_signatures import (
    RawSigner,
    SignatureAlgorithm,
    load_public_key,
    open_raw_signer,
    verify_signature,
)

KEYS = {
    algorithm: generate_key(algorithm)
    for algorithm in (KeyAlgorithm.RSA_2048, KeyAlgorithm.EC_P256, KeyAlgorithm.ED25519)
}
KINDS = {"RSA": KeyAlgorithm.RSA_2048, "ECD": KeyAlgorithm.EC_P256, "ED2": KeyAlgorithm.ED25519}
MESSAGE = b"a message"


def key_for(scheme: SignatureAlgorithm) -> GeneratedKey:
    return KEYS[KINDS[scheme.value[:3]]]


@pytest.mark.parametrize("scheme", SignatureAlgorithm, ids=str)
async def test_a_signature_verifies_over_its_message_and_over_nothing_else(
    scheme: SignatureAlgorithm,
) -> None:
    key = key_for(scheme)
    signature = await RawSigner(key).sign(scheme, MESSAGE, is_digest=False)
    verify_signature(key.public_key, scheme, MESSAGE, signature, is_digest=False)
    for message, changed in ((b"another", signature), (MESSAGE, signature[:-1]), (MESSAGE, b"")):
        with pytest.raises(SignatureRefusedError):
            verify_signature(key.public_key, scheme, message, changed, is_digest=False)


@pytest.mark.parametrize(
    "scheme", [scheme for scheme in SignatureAlgorithm if scheme.digest_size is not None], ids=str
)
async def test_a_signature_over_the_digest_is_one_over_the_message(scheme: SignatureAlgorithm) -> None:
    key = key_for(scheme)
    digest = new(scheme.value[-7:].replace("_", ""), MESSAGE).digest()
    assert len(digest) == scheme.digest_size
    signature = await RawSigner(key).sign(scheme, digest, is_digest=True)
    verify_signature(key.public_key, scheme, MESSAGE, signature, is_digest=False)


async def test_a_scheme_of_another_kind_of_key_signs_nothing() -> None:
    wrong = {
        KeyAlgorithm.RSA_2048: SignatureAlgorithm.ECDSA_SHA_256,
        KeyAlgorithm.ED25519: SignatureAlgorithm.ECDSA_SHA_256,
    }
    for algorithm, scheme in wrong.items():
        with pytest.raises(ValueError, match="this scheme"):
            await RawSigner(KEYS[algorithm]).sign(scheme, MESSAGE, is_digest=False)
        with pytest.raises(ValueError, match="this scheme"):
            verify_signature(KEYS[algorithm].public_key, scheme, MESSAGE, b"", is_digest=False)


def test_a_signer_is_opened_with_its_own_public_key_only() -> None:
    mine, other = KEYS[KeyAlgorithm.EC_P256], KEYS[KeyAlgorithm.ED25519]
    assert open_raw_signer(mine, public_key_der(mine.public_key)).public_key == mine.public_key
    with pytest.raises(IntegrityError):
        open_raw_signer(mine, public_key_der(other.public_key))


def test_a_kept_public_key_is_what_its_row_says_or_refused() -> None:
    for algorithm, key in KEYS.items():
        der = public_key_der(key.public_key)
        assert load_public_key(der, algorithm) == key.public_key
        for said in KEYS.keys() - {algorithm}:
            with pytest.raises(IntegrityError):
                load_public_key(der, said)
    with pytest.raises(IntegrityError):
        load_public_key(b"junk", KeyAlgorithm.ED25519)
