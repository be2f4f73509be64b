"""The key store that every instance has: keys sealed in their rows, signing in this process's memory."""

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import IntegrityError
from ca_service.custody.generation import GeneratedKey, generate_key, load_private_key
from ca_service.custody.key_stores import OpenedKey
from ca_service.custody.public_keys import public_key_der
from ca_service.custody.stores import DATABASE
from ca_service.custody.threads import SigningThreads
from ca_service.custody.withheld_keys import PrivateKey
from ca_service.kernel.secret_value import SecretValue

_AT_ONCE = 2
#: A key of 4096 bits takes a second on a quiet machine, and several on an unlucky one.
_PATIENCE_SECONDS = 120.0


class DatabaseStore:
    """Makes keys in memory."""

    name = DATABASE

    def __init__(self) -> None:
        self._threads = SigningThreads("a new key", at_once=_AT_ONCE, patience=_PATIENCE_SECONDS)

    async def generate(self, algorithm: KeyAlgorithm) -> GeneratedKey:
        """Return a fresh key that nothing has stored; RSA is made in a thread, few at a time."""
        if algorithm.is_rsa:
            return await self._threads.run(generate_key, algorithm)
        return generate_key(algorithm)

    async def open(self, algorithm: KeyAlgorithm, public_key: bytes, kept: SecretValue[bytes]) -> OpenedKey:
        """Return the key of a PKCS #8 document. Raises IntegrityError."""
        del algorithm
        key = _load(kept)
        if public_key_der(key.public_key()) != public_key:
            raise IntegrityError("The public part of a kept key is not the one of its private part.")
        return OpenedKey(key)

    async def trouble(self) -> str | None:
        """Return None: whoever asks has the database."""
        return None


def _load(pkcs8: SecretValue[bytes]) -> PrivateKey:
    try:
        return load_private_key(pkcs8)
    except (ValueError, TypeError):
        raise IntegrityError("A kept key is not what its row says: the row was changed.") from None
