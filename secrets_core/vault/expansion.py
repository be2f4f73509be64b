"""The seam between reading a secret and expanding the references in it."""

from typing import Protocol

from msgspec import Struct

from ca_service.gate.handler import Call
from ca_service.policy.values import Access
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.readable import open_readable
from secrets_core.vault.references import Place
from secrets_core.vault.resolution import Readable, Resolver
from secrets_core.vault.storage.imports import ImportRows
from secrets_core.vault.vault import Vault


class Expanded(Struct, frozen=True):
    """A value with its references expanded, and the accesses that this took, one for each secret read."""

    value: str
    accesses: tuple[Access, ...] = ()


class Expander(Protocol):
    """Expands the references of one value for the caller."""

    async def expand(self, call: Call, place: SecretPlace, value: str) -> Expanded:
        """Return the value of the secret at `place` expanded. Raises UnacceptableError naming a reference."""


class ReferenceExpander:
    """Expands references as the caller may read what they reach, imports included."""

    def __init__(self, vault: Vault, imports: ImportRows) -> None:
        self._vault = vault
        self._imports = imports

    async def expand(self, call: Call, place: SecretPlace, value: str) -> Expanded:
        """Return the value expanded, and an access for each secret that was read for it."""
        readable = await open_readable(self._vault, self._imports, call)
        secret = Readable(Place(place.environment.slug, place.path), place.name, value)
        resolver = Resolver(readable)
        resolver.know([secret])
        return Expanded(await resolver.expand(secret), readable.accesses)
