"""Where a secret lies: an environment, a path, a name."""

from msgspec import Struct

from ca_service.governance.places import Environment
from secrets_core.paths import FolderPath


class SecretPlace(Struct, frozen=True):
    """The place of a secret, whether or not it is there."""

    environment: Environment
    path: FolderPath
    name: str

    @property
    def order(self) -> tuple[str, str, str]:
        """Return by what places are put into one order, so that two commits never wait for each other."""
        return self.environment.id, self.path, self.name

    def __str__(self) -> str:
        return f"{self.environment.slug}:{self.path}:{self.name}"
