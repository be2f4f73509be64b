"""What can be asked about folders as readers see them: lists, imports, files."""

from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.commits import Commit
from secrets_core.vault.operations.secrets import SecretRecord
from secrets_core.vault.secret_files import FileFormat, FileMode


class ListedSecret(Struct, frozen=True, kw_only=True):
    """A secret of a list, and where it lies; `value` is None where values were not asked for.

    An imported one lies in another folder than the one that shows it.
    """

    record: SecretRecord
    value: SecretValue[str] | None = None
    is_imported: bool = False


class SecretPage(Struct, frozen=True):
    """A page of a list by path and name; `next_key` asks for the page after it.

    `etag` changes whenever what this caller is shown does, without quotes.
    """

    items: tuple[ListedSecret, ...]
    next_key: str | None
    etag: str


class ListSecrets(ProjectOperation[SecretPage], frozen=True, kw_only=True):
    """List the secrets of a folder, or of it and all below, with their values: those the caller may read.

    With `imports`, a folder shows the secrets of its imports below its own. `tags` lists those that have one
    of the tags. A page may hold fewer than `limit`, also where the values are large.
    """

    action: ClassVar[str] = "secrets:read"
    reads: ClassVar[bool] = True
    reveals: ClassVar[bool] = True

    environment: str
    path: str = "/"
    is_recursive: bool = False
    expand: bool = True
    imports: bool = True
    tags: tuple[str, ...] = ()
    limit: int = 100
    after: str | None = None


class DescribeSecrets(ProjectOperation[SecretPage], frozen=True, kw_only=True):
    """List the same without values: those the caller may see."""

    action: ClassVar[str] = "secrets:describe"
    reads: ClassVar[bool] = True

    environment: str
    path: str = "/"
    is_recursive: bool = False
    imports: bool = True
    tags: tuple[str, ...] = ()
    limit: int = 100
    after: str | None = None


class ImportRecord(Struct, frozen=True, kw_only=True):
    """An import as it is shown; `environment` is the slug. Of several the greatest position wins."""

    id: str
    environment: str
    path: str
    position: int


class ImportPage(Struct, frozen=True):
    """All imports of one folder, the winning one last."""

    items: tuple[ImportRecord, ...]


class ListImports(ProjectOperation[ImportPage], frozen=True, kw_only=True):
    """List what a folder imports."""

    action: ClassVar[str] = "secrets:describe"
    reads: ClassVar[bool] = True

    environment: str
    path: str = "/"


class CreateImport(ProjectOperation[ImportRecord], frozen=True, kw_only=True):
    """Let a folder show the secrets of another, at a position or behind all others."""

    action: ClassVar[str] = "secrets:manage-imports"
    idempotent: ClassVar[bool] = True

    environment: str
    path: str = "/"
    source_environment: str
    source_path: str
    position: int | None = None


class DeleteImport(ProjectOperation[None], frozen=True, kw_only=True):
    """Let a folder no longer show the secrets of another."""

    action: ClassVar[str] = "secrets:manage-imports"
    takes_away: ClassVar[bool] = True

    environment: str
    import_id: str


class ImportSecretFile(ProjectOperation[Commit], frozen=True, kw_only=True):
    """Write what a file names into a folder, as one commit."""

    action: ClassVar[str] = "secrets:write"
    idempotent: ClassVar[bool] = True

    environment: str
    path: str = "/"
    format: FileFormat
    content: SecretValue[str]
    mode: FileMode = FileMode.UPSERT
    message: str = ""
