"""What can be asked about folders."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation


class FolderRecord(Struct, frozen=True, kw_only=True):
    """A folder as it is shown; `environment` is the slug."""

    id: str
    path: str
    environment: str
    description: str
    created_at: datetime
    updated_at: datetime


class FolderPage(Struct, frozen=True):
    """A page of folders by path; `next_key` asks for the page after it."""

    items: tuple[FolderRecord, ...]
    next_key: str | None


class ListFolders(ProjectOperation[FolderPage], frozen=True, kw_only=True):
    """List the folders below one, at any depth."""

    action: ClassVar[str] = "secrets:describe"
    reads: ClassVar[bool] = True

    environment: str
    path: str = "/"
    limit: int = 100
    after: str | None = None


class CreateFolder(ProjectOperation[FolderRecord], frozen=True, kw_only=True):
    """Make a folder, and those around it that are missing."""

    action: ClassVar[str] = "secrets:manage-folders"
    idempotent: ClassVar[bool] = True

    environment: str
    path: str
    description: str = ""


class UpdateFolder(ProjectOperation[FolderRecord], frozen=True, kw_only=True):
    """Describe a folder, or rename it with everything in it; it stays in the folder that it is in."""

    action: ClassVar[str] = "secrets:manage-folders"

    environment: str
    path: str
    new_name: str | None = None
    description: str | None = None


class DeleteFolder(ProjectOperation[None], frozen=True, kw_only=True):
    """Delete an empty folder, or one with everything in it: its secrets are deleted in one commit."""

    action: ClassVar[str] = "secrets:manage-folders"
    takes_away: ClassVar[bool] = True

    environment: str
    path: str
    is_recursive: bool = False
