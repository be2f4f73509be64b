"""The texts of tokens that enrol hosts: the database keeps a keyed hash of one, never the text."""

import re

from ca_service.custody.custody import Custody
from ca_service.identity.opaque import mint_opaque
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

#: What a text begins with, so that scanners for leaked secrets know it.
MARK = "kwh"
PREFIX = "hst"
_SHAPE = re.compile(rf"{MARK}_([0-9a-v]{{26}})_[0-9a-v]{{52}}", re.ASCII)


class HostTokenHash:
    """Mints and hashes tokens, under a subkey of its own."""

    def __init__(self, custody: Custody, randomness: Randomness) -> None:
        self._key = custody.mac_key("ssh-host-token")
        self._randomness = randomness

    def mint(self, token_id: str) -> tuple[SecretValue[str], bytes]:
        """Return the text of a new token, and what its row keeps of it."""
        text = mint_opaque(MARK, token_id, self._randomness)
        return text, self.tag(text.reveal())

    def tag(self, text: str) -> bytes:
        """Return what a row keeps of this text."""
        return self._key.tag(text.encode("utf-8", "surrogatepass"))


def token_id_of(text: str) -> str | None:
    """Return the id of the row that a token names; None for what has another shape."""
    match = _SHAPE.fullmatch(text)
    return None if match is None else f"{PREFIX}_{match[1]}"
