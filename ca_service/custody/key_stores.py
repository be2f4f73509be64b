"""The port of key stores: where the private keys of authorities lie and sign."""

from typing import Protocol

from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.generation import GeneratedKey
from ca_service.custody.threads import SigningThreads
from ca_service.custody.withheld_keys import PrivateKey
from ca_service.kernel.secret_value import SecretValue


class OpenedKey(Struct, frozen=True):
    """A kept key that is ready to sign; `threads` is where, None for a key in memory."""

    key: PrivateKey
    threads: SigningThreads | None = None


class KeyStore(Protocol):
    """Makes keys and finds them again. What it keeps of a key outside itself, custody seals into a row."""

    @property
    def name(self) -> str:
        """Return the name that rows and requests know it by."""
        ...

    async def generate(self, algorithm: KeyAlgorithm) -> GeneratedKey:
        """Return a fresh key of this store, and never on the event loop if that takes long.

        Raises KeyStoreRefusedError for an algorithm it cannot make, KeyStoreUnavailableError if it does not
        answer.
        """
        ...

    async def open(self, algorithm: KeyAlgorithm, public_key: bytes, kept: SecretValue[bytes]) -> OpenedKey:
        """Return the key of this SubjectPublicKeyInfo by what `GeneratedKey.kept_form` said of it.

        Raises IntegrityError if that is of another key or store.
        """
        ...

    async def trouble(self) -> str | None:
        """Return one sentence if the store does not answer now."""
        ...
