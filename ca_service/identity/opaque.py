"""Opaque secrets: `<mark>_<id part>_<secret part>`, 256 random bits that mean nothing by themselves."""

import re
from base64 import b32hexencode

from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

#: Marks of what a text is, so that scanners for leaked secrets know it: an access token, a client secret.
TOKEN_MARK = "kwt"  # noqa: S105 - public marks, not secrets
CLIENT_SECRET_MARK = "kws"  # noqa: S105

_SECRET_SIZE = 32
_SHAPE = re.compile(r"(kw[ts])_([0-9a-v]{1,26})_([0-9a-v]{52})", re.ASCII)


def mint_opaque(mark: str, row_id: str, randomness: Randomness) -> SecretValue[str]:
    """Return a new secret that names the row `row_id` (`tok_…`) and is URL safe."""
    secret = b32hexencode(randomness.token_bytes(_SECRET_SIZE)).decode("ascii").rstrip("=").lower()
    return SecretValue(f"{mark}_{row_id.partition('_')[2]}_{secret}")


def id_part(mark: str, text: str) -> str | None:
    """Return the id part of the row that `text` names, or None if it is no such secret."""
    match = _SHAPE.fullmatch(text)
    if match is None or match[1] != mark:
        return None
    return match[2]
