"""Imports: a folder shows the secrets of another folder as well, below its own."""

from datetime import datetime

from msgspec import Struct

from ca_service.kernel.errors import MalformedError
from ca_service.kernel.tenancy import Tenant
from secrets_core.paths import FolderPath

PREFIX = "imp"
#: How many folders one folder may import.
MOST_IMPORTS = 64
_LAST_POSITION = 1_000_000


class Import(Struct, frozen=True, kw_only=True):
    """One import: `folder` is the id of the folder that shows, `environment` that of the place it draws from.

    Of several, the one with the greatest `position` wins; among equals the one made last.
    """

    tenant: Tenant
    id: str
    folder: str
    environment: str
    path: FolderPath
    position: int
    created_at: datetime
    created_by: str


def parse_position(position: int) -> int:
    """Return a position. Raises MalformedError."""
    if not 0 <= position <= _LAST_POSITION:
        raise MalformedError(
            f"A position is a whole number from 0 to {_LAST_POSITION}; the greatest wins.",
            field="position",
            rule="bounds",
        )
    return position
