"""Public keys as bodies have them (RFC 7468 section 13)."""

import base64
import binascii
import re

from ca_service.kernel.errors import MalformedError

_LIMIT = 16 * 1024
_PEM = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")


def parse_public_key_pem(text: str, *, field: str) -> bytes:
    """Return the DER of the one PEM block that `text` is. Raises MalformedError."""
    block = _PEM.fullmatch(text) if len(text) <= _LIMIT else None
    try:
        if block is None:
            raise binascii.Error("no block")
        return base64.b64decode("".join(block[1].split()), validate=True)
    except binascii.Error as error:
        detail = (
            "The public key is not one PEM block that begins with -----BEGIN PUBLIC KEY----- "
            "(take it out with: openssl pkey -in KEY -pubout)."
        )
        raise MalformedError(detail, field=field, rule="public-key") from error
