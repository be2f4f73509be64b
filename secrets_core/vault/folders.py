"""Folders: places of one environment with a path, around secrets and other folders."""

from datetime import datetime

from msgspec import Struct

from ca_service.kernel.errors import MalformedError
from ca_service.kernel.tenancy import Tenant
from secrets_core.paths import FolderPath, parse_path

LONGEST_DESCRIPTION = 4096


class Folder(Struct, frozen=True, kw_only=True):
    """A folder. `environment` is its environment's id, `mac` the tag of its row when it was read.

    A deleted folder stays as a row, since its deleted secrets do; one made at its path is the same again.
    """

    tenant: Tenant
    id: str
    environment: str
    path: FolderPath
    description: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    mac: bytes = b""

    @property
    def is_live(self) -> bool:
        """Tell whether it was not deleted."""
        return self.deleted_at is None


def parse_folder_name(text: str) -> str:
    """Return the last part of a folder's path. Raises MalformedError."""
    if not text or "/" in text:
        raise MalformedError(
            "A folder's name is one part of a path, without a slash; it stays in the folder that it is in.",
            field="new_name",
            rule="path",
        )
    parse_path(f"/{text}", field="new_name")
    return text


def parse_description(text: str) -> str:
    """Return a folder's description. Raises MalformedError."""
    if len(text) > LONGEST_DESCRIPTION:
        raise MalformedError(
            f"A description has at most {LONGEST_DESCRIPTION} characters.", field="description", rule="bounds"
        )
    return text
