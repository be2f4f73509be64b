"""base64url without padding (RFC 7515 section 2), in its one canonical spelling."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from ca_service.kernel.errors import MalformedError

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


def encode(data: bytes) -> str:
    """Return `data` as text."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str, what: str) -> bytes:
    """Return the bytes that `text` stands for; `what` names it in the error.

    Raises MalformedError for padding, other alphabets, impossible lengths and stray trailing bits, so that no
    two texts mean the same bytes.
    """
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        raise MalformedError(f"The {what} is not base64url without padding.")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(data) != text:
        raise MalformedError(f"The {what} is not canonical base64url.")
    return data
