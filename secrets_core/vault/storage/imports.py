"""Rows of imports. A MAC covers every column: what a folder shows is not changed unseen (S5)."""

from msgspec import Struct
from sqlalchemy import and_, bindparam, delete, func, select

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import insert_if_absent, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from secrets_core.paths import FolderPath
from secrets_core.vault.folders import Folder
from secrets_core.vault.imports import Import
from secrets_core.vault.storage.rows import FOLDER_COLUMNS, folder_of, owner
from secrets_core.vault.storage.secrets import AT_OR_BELOW, AT_PATH, tree
from secrets_core.vault.storage.tables import FOLDERS as F
from secrets_core.vault.storage.tables import IMPORTS as I

_IMPORT_AT = len(FOLDER_COLUMNS)
_WITH_FOLDER = F.join(
    I, and_(I.c.organization == F.c.organization, I.c.project == F.c.project, I.c.folder == F.c.id)
)
_READ = select(*FOLDER_COLUMNS, *I.c).select_from(_WITH_FOLDER)
_IN_ORDER = (F.c.path, I.c.position, I.c.created_at, I.c.id)
_IS_LIVE = F.c.deleted_at.is_(None)
_LIST = statement(_READ.where(*AT_PATH, _IS_LIVE).order_by(*_IN_ORDER))
_LIST_TREE = statement(_READ.where(*AT_OR_BELOW, _IS_LIVE).order_by(*_IN_ORDER))
_MINE = (I.c.organization == bindparam("organization"), I.c.project == bindparam("project"))
_FIND = statement(
    _READ.where(*_MINE, F.c.environment == bindparam("environment"), I.c.id == bindparam("id"), _IS_LIVE)
)
_INSERT = statement(
    insert_if_absent(
        I,
        *(column.name for column in I.columns),
        conflict=("organization", "project", "folder", "environment", "path"),
    )
)
_COUNT = statement(
    select(func.count(), func.max(I.c.position)).where(*_MINE, I.c.folder == bindparam("folder"))
)
_DELETE = statement(delete(I).where(*_MINE, I.c.id == bindparam("id")))
_DELETE_OF_FOLDER = statement(delete(I).where(*_MINE, I.c.folder == bindparam("folder")))


class FoundImport(Struct, frozen=True):
    """An import with the folder that shows it."""

    folder: Folder
    held: Import


class ImportRows:
    """Reads and writes imports."""

    def __init__(self, custody: Custody, folder_mac: RowMac) -> None:
        self._mac = RowMac(custody, I.name)
        self._folder_mac = folder_mac

    async def list_at(
        self,
        database: Database,
        tenant: Tenant,
        environment: str,
        path: FolderPath,
        *,
        recursive: bool = False,
    ) -> list[FoundImport]:
        """Return the imports of a folder, or of it and all below, the winning one of each last.

        `environment` is the id.
        """
        parameters: dict[str, Value] = {"environment": environment, "path": path, **owner(tenant)}
        if recursive:
            rows = await database.read(_LIST_TREE, **tree(path), **parameters)
        else:
            rows = await database.read(_LIST, **parameters)
        return [self._found(row) for row in rows]

    async def find(
        self, database: Database, tenant: Tenant, environment: str, import_id: str
    ) -> FoundImport | None:
        """Return the import of this id, if a live folder of the environment has it."""
        row = await database.read_one(_FIND, environment=environment, id=import_id, **owner(tenant))
        return None if row is None else self._found(row)

    async def count(self, transaction: Transaction, folder: Folder) -> tuple[int, int]:
        """Return how many imports a folder has, and the greatest position among them (-1: none)."""
        row = await transaction.fetch_one(_COUNT, folder=folder.id, **owner(folder.tenant))
        assert row is not None, "a count is one row"
        return row[0], -1 if row[1] is None else row[1]

    async def insert(self, transaction: Transaction, new: Import) -> bool:
        """Keep a new import; False if the folder has one of the same place."""
        columns = _columns(new)
        mac = self._mac.tag(*columns.values())
        return await transaction.execute(_INSERT, **columns, mac_version=self._mac.version, mac=mac) == 1

    async def delete(self, transaction: Transaction, held: Import) -> bool:
        """Forget an import; False if it was not there."""
        return await transaction.execute(_DELETE, id=held.id, **owner(held.tenant)) == 1

    def _found(self, row: Row) -> FoundImport:
        """Return the row as values. Raises IntegrityError if it was changed outside."""
        folder = folder_of(row, self._folder_mac)
        row = row[_IMPORT_AT:]
        self._mac.verify(row[10], *row[:9])
        held = Import(
            tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
            id=row[2],
            folder=row[3],
            environment=row[4],
            path=FolderPath(row[5]),
            position=row[6],
            created_at=from_microseconds(row[7]),
            created_by=row[8],
        )
        return FoundImport(folder, held)


def delete_imports_of(transaction: Transaction, folder: Folder) -> None:
    """Forget what a folder imports, because it is deleted."""
    transaction.send(_DELETE_OF_FOLDER, folder=folder.id, **owner(folder.tenant))


def _columns(held: Import) -> dict[str, str | int | bytes | None]:
    return {
        "organization": held.tenant.organization,
        "project": held.tenant.project,
        "id": held.id,
        "folder": held.folder,
        "environment": held.environment,
        "path": held.path,
        "position": held.position,
        "created_at": to_microseconds(held.created_at),
        "created_by": held.created_by,
    }
