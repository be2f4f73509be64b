"""What can be asked about one secret."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.secrets import VersionState


class SecretRecord(Struct, frozen=True, kw_only=True):
    """A secret as it is shown without its value. `environment` is the slug, `commit` the one that wrote it.

    `id` stays over versions and moves; `updated_at` is when the version shown was written. `was_created`
    tells whether a write made the secret.
    """

    id: str
    name: str
    path: str
    environment: str
    version: int
    created_at: datetime
    updated_at: datetime
    comment: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    commit: str
    was_created: bool = False


class RevealedSecret(Struct, frozen=True, kw_only=True):
    """A secret with its value. `etag` changes whenever what is shown does, without quotes."""

    record: SecretRecord
    value: SecretValue[str]
    etag: str


class PutSecret(ProjectOperation[SecretRecord], frozen=True, kw_only=True):
    """Write the next version of a secret, or its first; missing folders are made.

    What is None stays as the version before had it. `if_version` is the version that must be current; 0 means
    that there must be no such secret.
    """

    action: ClassVar[str] = "secrets:write"
    idempotent: ClassVar[bool] = True

    environment: str
    path: str = "/"
    name: str
    value: SecretValue[str]
    comment: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: Mapping[str, str] | None = None
    message: str = ""
    if_version: int | None = None


class UpdateSecret(ProjectOperation[SecretRecord], frozen=True, kw_only=True):
    """Change a secret that is there; its value, notes or tags make a version, a mere new place makes none."""

    action: ClassVar[str] = "secrets:write"

    environment: str
    path: str = "/"
    name: str
    value: SecretValue[str] | None = None
    comment: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: Mapping[str, str] | None = None
    new_name: str | None = None
    new_path: str | None = None
    message: str = ""
    if_version: int | None = None


class DeleteSecret(ProjectOperation[None], frozen=True, kw_only=True):
    """Delete a secret; its versions stay for those who may undelete it."""

    action: ClassVar[str] = "secrets:delete"
    takes_away: ClassVar[bool] = True

    environment: str
    path: str = "/"
    name: str
    if_version: int | None = None


class UndeleteSecret(ProjectOperation[SecretRecord], frozen=True, kw_only=True):
    """Bring a deleted secret back, at the version it had."""

    action: ClassVar[str] = "secrets:undelete"

    environment: str
    path: str = "/"
    name: str


class VersionRecord(Struct, frozen=True, kw_only=True):
    """A version as it is listed; `created_by` is the caller who wrote it."""

    version: int
    state: VersionState
    created_at: datetime
    created_by: str
    commit: str


class VersionPage(Struct, frozen=True):
    """A page of versions, newest first; `next_key` asks for the page after it."""

    items: tuple[VersionRecord, ...]
    next_key: str | None


class ListVersions(ProjectOperation[VersionPage], frozen=True, kw_only=True):
    """List the versions of a secret, without values; with the right to undelete, of a deleted one too."""

    action: ClassVar[str] = "secrets:history"
    reads: ClassVar[bool] = True

    environment: str
    path: str = "/"
    name: str
    limit: int = 100
    after: str | None = None


class DestroyVersions(ProjectOperation[VersionPage], frozen=True, kw_only=True):
    """Drop what is sealed in versions of a secret, for good; which were asked for is answered."""

    action: ClassVar[str] = "secrets:destroy"
    takes_away: ClassVar[bool] = True

    environment: str
    path: str = "/"
    name: str
    versions: tuple[int, ...]


class ReadSecret(ProjectOperation[RevealedSecret], frozen=True, kw_only=True):
    """Read a secret, or one version of it; with the right to undelete, a version of a deleted one."""

    action: ClassVar[str] = "secrets:read"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True

    environment: str
    path: str = "/"
    name: str
    version: int | None = None
    expand: bool = True
