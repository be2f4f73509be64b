"""Derivation is HKDF-Expand, tags are checked, canonical tuples are unambiguous."""

import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ca_service.custody.derivation import MacKey, canonical, derive
from ca_service.custody.errors import IntegrityError

KEY = bytes(range(32))


def test_a_subkey_is_hkdf_expand_of_rfc_5869() -> None:
    expected = HKDFExpand(SHA256(), 32, canonical("purpose", 7)).derive(KEY)
    assert derive(KEY, "purpose", 7) == expected


def test_different_purposes_have_different_subkeys() -> None:
    assert derive(KEY, "a", "bc") != derive(KEY, "ab", "c")


def test_a_number_is_not_the_text_of_it() -> None:
    assert canonical(1) != canonical("1")


@pytest.mark.parametrize("key", [b"", b"k" * 32, b"k" * 64])
@pytest.mark.parametrize("data", [b"", b"data", b"d" * 5000])
def test_a_tag_is_the_hmac_of_rfc_2104(key: bytes, data: bytes) -> None:
    assert MacKey(key).tag(data) == hmac.digest(key, data, "sha256")


def test_a_key_longer_than_a_block_of_the_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64"):
        MacKey(b"k" * 65)


def test_a_tag_verifies_for_its_own_data() -> None:
    mac = MacKey(KEY)
    mac.verify(b"data", mac.tag(b"data"))


@pytest.mark.parametrize(("data", "tag_of"), [(b"datA", b"data"), (b"", b"data"), (b"data\0", b"data")])
def test_a_tag_of_other_data_is_refused(data: bytes, tag_of: bytes) -> None:
    mac = MacKey(KEY)
    with pytest.raises(IntegrityError):
        mac.verify(data, mac.tag(tag_of))


def test_a_truncated_tag_is_refused() -> None:
    mac = MacKey(KEY)
    with pytest.raises(IntegrityError):
        mac.verify(b"data", mac.tag(b"data")[:16])
