"""Laws of ciphertexts: what was encrypted comes back under its key and aad, and nothing else ever opens."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ca_service.custody.errors import CiphertextRefusedError
from ca_service.custody.symmetric_keys import EncryptionKey
from ca_service.kernel.errors import MalformedError, TooLargeError
from ca_service.kernel.randomness import SystemRandomness
from secrets_core.kms.ciphertexts import parse_ciphertext, write_ciphertext
from secrets_core.kms.inputs import parse_bytes

KEY = EncryptionKey(bytes(range(32)), SystemRandomness())
OTHER = EncryptionKey(bytes(32), SystemRandomness())
few = settings(max_examples=50)


@few
@given(st.binary(max_size=300), st.binary(max_size=50), st.integers(1, 999_999_999))
def test_encrypting_writing_reading_and_decrypting_is_a_round_trip(
    plaintext: bytes, associated: bytes, version: int
) -> None:
    text = write_ciphertext(version, KEY.encrypt(plaintext, associated))
    read, ciphertext = parse_ciphertext(text)
    assert (read, KEY.decrypt(ciphertext, associated)) == (version, plaintext)


@few
@given(st.binary(max_size=50), st.binary(max_size=20), st.binary(max_size=20))
def test_another_key_or_other_associated_data_open_nothing(
    plaintext: bytes, associated: bytes, others: bytes
) -> None:
    ciphertext = KEY.encrypt(plaintext, associated)
    with pytest.raises(CiphertextRefusedError):
        OTHER.decrypt(ciphertext, associated)
    assume(associated != others)
    with pytest.raises(CiphertextRefusedError):
        KEY.decrypt(ciphertext, others)


@few
@given(st.binary(max_size=90))
def test_bytes_that_were_never_encrypted_are_refused(junk: bytes) -> None:
    with pytest.raises(CiphertextRefusedError):
        KEY.decrypt(b"\x01" + junk, b"")


@few
@given(st.text(max_size=60) | st.builds(lambda raw: b64encode(raw).decode(), st.binary(max_size=60)))
def test_base64_is_read_as_the_strictest_reader_reads_it_or_refused(text: str) -> None:
    try:
        expected = b64decode(text, validate=True)
        is_good = b64encode(expected).decode() == text
    except ValueError:
        is_good = False
    try:
        found = parse_bytes(text, field="plaintext", most=40)
    except MalformedError:
        assert not is_good
    except TooLargeError:
        assert len(text) > 52
    else:
        assert found == b64decode(text, validate=True)


@few
@given(st.text(max_size=40).map(lambda rest: f"kw1:{rest}") | st.text(max_size=40))
def test_any_text_is_a_ciphertext_or_refused(text: str) -> None:
    try:
        version, _ = parse_ciphertext(text)
    except (MalformedError, TooLargeError) as error:
        said = (error.field, error.rule in {"ciphertext-format", "base64"})
    else:
        said = ("ciphertext", text.startswith(f"kw1:{version}:"))
    assert said == ("ciphertext", True)
