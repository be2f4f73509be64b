"""Symmetric keys of callers, against the standards' own words and a reading of the bytes by hand."""

import copy
import pickle

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ca_service.custody.derivation import canonical
from ca_service.custody.errors import CiphertextRefusedError
from ca_service.custody.symmetric_keys import OVERHEAD, EncryptionKey, TagKey
from tests.support.fakes.kernel import FakeRandomness

KEY = bytes(range(32))


def test_a_ciphertext_is_aes_gcm_under_a_key_expanded_from_its_salt() -> None:
    ciphertext = EncryptionKey(KEY, FakeRandomness()).encrypt(b"secret", b"beside")
    assert (ciphertext[:1], len(ciphertext)) == (b"\x01", OVERHEAD + len(b"secret"))
    info = canonical("message key", ciphertext[1:17])
    message_key = HKDFExpand(hashes.SHA256(), 32, info).derive(KEY)
    associated = canonical("kms message", 1, b"beside")
    assert AESGCM(message_key).decrypt(ciphertext[17:29], ciphertext[29:], associated) == b"secret"


def test_no_two_messages_have_a_salt_or_a_nonce_in_common() -> None:
    key = EncryptionKey(KEY, FakeRandomness())
    made = [key.encrypt(b"", b"") for _ in range(50)]
    assert len({each[1:17] for each in made}) == len({each[17:29] for each in made}) == 50


def test_other_associated_data_do_not_open_it() -> None:
    key = EncryptionKey(KEY, FakeRandomness())
    for associated in (b"", b"besides", b"beside\0"):
        with pytest.raises(CiphertextRefusedError):
            key.decrypt(key.encrypt(b"secret", b"beside"), associated)


def test_a_data_key_opens_again_and_is_hidden_until_it_is_asked_for() -> None:
    key = EncryptionKey(KEY, FakeRandomness())
    fresh, wrapped = key.new_data_key(64, b"disk")
    assert (len(fresh.reveal()), repr(fresh)) == (64, "SecretValue(hidden)")
    assert key.decrypt(wrapped, b"disk") == fresh.reveal()


def test_a_tag_is_that_of_rfc_4231() -> None:
    tag = TagKey(b"\x0b" * 20).tag(b"Hi There")  # section 4.2
    assert tag.hex() == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    assert TagKey(b"\x0b" * 20).is_tag_of(b"Hi There", tag)
    for other in (b"", tag[:31], tag + b"\0", bytes(32)):
        assert not TagKey(b"\x0b" * 20).is_tag_of(b"Hi There", other)


def test_a_key_is_nowhere_in_what_is_said_of_it() -> None:
    for key in (EncryptionKey(KEY, FakeRandomness()), TagKey(KEY)):
        assert repr(key) == f"{type(key).__name__}(hidden)"
        for carry in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="custody keeps"):
                carry(key)
