"""Subkeys and canonical tuples: the two things every seal, wrap and tag is made of."""

import hmac
from hashlib import sha256

from ca_service.custody.errors import IntegrityError

KEY_SIZE = 32
_BLOCK_SIZE = 64
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


def canonical(*parts: str | int | bytes) -> bytes:
    """Return the one encoding of a tuple: each part with its type and its length before it.

    No two different tuples share an encoding, so it can stand in derivations, tags and AAD.
    """
    chunks: list[bytes] = []
    for part in parts:
        if isinstance(part, str):
            raw = part.encode()
            chunks += (b"s", len(raw).to_bytes(4, "big"), raw)
        elif isinstance(part, bytes):
            chunks += (b"b", len(part).to_bytes(4, "big"), part)
        else:
            raw = str(part).encode("ascii")
            chunks += (b"i", len(raw).to_bytes(4, "big"), raw)
    return b"".join(chunks)


def derive(key: bytes, *purpose: str | int | bytes) -> bytes:
    """Return a 32-byte subkey: HKDF-Expand with SHA-256 (RFC 5869 section 2.3).

    The extract step is left out because every key here is uniformly random (section 3.3). One block of output
    is all that is asked for, so the expansion is a single HMAC.
    """
    return hmac.digest(key, canonical(*purpose) + b"\x01", "sha256")


class MacKey:
    """A subkey that makes and checks tags (HMAC-SHA256, RFC 2104)."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > _BLOCK_SIZE:
            raise ValueError("a key for tags has at most 64 bytes")
        block = key.ljust(_BLOCK_SIZE, b"\0")
        # Hashes that have read the key already: OpenSSL's HMAC sets itself up anew for each tag.
        self._inner = sha256(block.translate(_INNER_PAD))
        self._outer = sha256(block.translate(_OUTER_PAD))

    def tag(self, data: bytes) -> bytes:
        """Return the 32-byte tag of `data`."""
        inner = self._inner.copy()
        inner.update(data)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()

    def verify(self, data: bytes, tag: bytes) -> None:
        """Return if `tag` belongs to `data`, in constant time. Raises IntegrityError."""
        if not hmac.compare_digest(self.tag(data), tag):
            raise IntegrityError("A stored value does not match its tag: it was changed outside Keywright.")
