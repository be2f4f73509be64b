"""The keyed hashes of tokens and client secrets: the database knows no text that opens anything."""

from hmac import compare_digest

from ca_service.custody.custody import Custody
from ca_service.identity.opaque import CLIENT_SECRET_MARK, TOKEN_MARK, id_part, mint_opaque
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

_NO_ID = "0" * 26
_PREFIXES = {TOKEN_MARK: "tok", CLIENT_SECRET_MARK: "csc"}


class CredentialHash:
    """Mints and hashes one kind of opaque secret, under a subkey of its own (the pepper)."""

    def __init__(self, custody: Custody, mark: str) -> None:
        self._mark = mark
        self.prefix = _PREFIXES[mark]
        self._key = custody.mac_key("token" if mark == TOKEN_MARK else "client-secret")

    def mint(self, row_id: str, randomness: Randomness) -> tuple[SecretValue[str], bytes]:
        """Return a new secret for the row `row_id`, and what the row keeps of it."""
        secret = mint_opaque(self._mark, row_id, randomness)
        return secret, self.tag(secret.reveal())

    def tag(self, text: str) -> bytes:
        """Return what a row keeps of this text."""
        return self._key.tag(text.encode("utf-8", "surrogatepass"))

    def row_id(self, text: str) -> str:
        """Return the id of the row that `text` names; for a text of another shape, an id no row has."""
        return f"{self.prefix}_{id_part(self._mark, text) or _NO_ID}"


def is_same(kept: bytes, presented: bytes) -> bool:
    """Compare two tags in constant time."""
    return compare_digest(kept, presented)
