"""Symmetric keys of callers: objects that encrypt, wrap and tag, and never give their key out.

A ciphertext is `format (1) | salt (16) | nonce (12) | ciphertext and tag (16)`. Each message is encrypted by
AES-256-GCM under a key of its own, HKDF-Expand of the kept key and a random salt, so that no key is used for
more messages than random nonces of 96 bits allow (2^32, NIST SP 800-38D section 8.3), however many there are.
"""

import hmac
from typing import Never

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ca_service.custody.derivation import MacKey, canonical
from ca_service.custody.errors import CiphertextRefusedError
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

_FORMAT = b"\x01"
_SALT_SIZE = 16
_NONCE_SIZE = 12
_TAG_SIZE = 16
_SALT = slice(1, 17)
_NONCE = slice(17, 29)
_HEADER_SIZE = 29
#: A tuple's encoding is that of its parts behind one another: these go on with a salt and associated data.
_PURPOSE = canonical("message key")
_BINDING = canonical("kms message", 1)
#: How many bytes a ciphertext has beyond its plaintext.
OVERHEAD = _HEADER_SIZE + _TAG_SIZE


class EncryptionKey:
    """Encrypts and decrypts with one kept key. Safe to share between tasks and threads."""

    __slots__ = ("_expansion", "_randomness")

    def __init__(self, key: bytes, randomness: Randomness) -> None:
        # HKDF-Expand of one block is one HMAC (RFC 5869 section 2.3), and this one has read the key already.
        self._expansion = MacKey(key)
        self._randomness = randomness

    def __repr__(self) -> str:
        return "EncryptionKey(hidden)"

    def __reduce__(self) -> Never:
        _withhold()

    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        """Return `plaintext` encrypted; it opens beside exactly these associated data and no others."""
        drawn = self._randomness.token_bytes(_SALT_SIZE + _NONCE_SIZE)
        if len(drawn) != _SALT_SIZE + _NONCE_SIZE:  # AESGCM would take nonces of 8 to 128 bytes
            raise ValueError("a salt has 16 bytes and a nonce 12")
        header = _FORMAT + drawn
        return header + self._cipher(header).encrypt(header[_NONCE], plaintext, _bound(associated))

    def decrypt(self, ciphertext: bytes, associated: bytes) -> bytes:
        """Return the plaintext. Raises CiphertextRefusedError for any byte that was not written like this."""
        if len(ciphertext) < OVERHEAD or ciphertext[:1] != _FORMAT:
            raise CiphertextRefusedError
        try:
            return self._cipher(ciphertext).decrypt(
                ciphertext[_NONCE], ciphertext[_HEADER_SIZE:], _bound(associated)
            )
        except InvalidTag:
            raise CiphertextRefusedError from None

    def new_data_key(self, size: int, associated: bytes) -> tuple[SecretValue[bytes], bytes]:
        """Return `size` random bytes for their rightful receiver, and the same bytes encrypted."""
        fresh = self._randomness.token_bytes(size)
        return SecretValue(fresh), self.encrypt(fresh, associated)

    def _cipher(self, header: bytes) -> AESGCM:
        return AESGCM(self._expansion.tag(_PURPOSE + canonical(header[_SALT]) + b"\x01"))


class TagKey:
    """Makes and checks HMAC-SHA256 tags (RFC 2104) with one kept key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = MacKey(key)

    def __repr__(self) -> str:
        return "TagKey(hidden)"

    def __reduce__(self) -> Never:
        _withhold()

    def tag(self, message: bytes) -> bytes:
        """Return the tag of 32 bytes."""
        return self._key.tag(message)

    def is_tag_of(self, message: bytes, tag: bytes) -> bool:
        """Tell in constant time whether the tag belongs to the message."""
        return hmac.compare_digest(self._key.tag(message), tag)


def _withhold() -> Never:
    raise TypeError("custody keeps this key: it is neither copied nor pickled")


def _bound(associated: bytes) -> bytes:
    return _BINDING + canonical(associated)
