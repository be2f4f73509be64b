"""Rows of folders. A deleted one keeps its row, for the deleted secrets in it."""

from collections.abc import Callable

from sqlalchemy import bindparam, select, update

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction, Value
from ca_service.database.statement import insert_if_absent, statement
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.tenancy import Tenant
from secrets_core.paths import FolderPath
from secrets_core.vault.errors import FolderTakenError
from secrets_core.vault.folders import Folder
from secrets_core.vault.storage.rows import FOLDER_COLUMNS, folder_of, folder_values, owner
from secrets_core.vault.storage.secrets import AT_OR_BELOW, AT_PATH, tree
from secrets_core.vault.storage.tables import FOLDERS as F

_FIND = statement(select(*FOLDER_COLUMNS).where(*AT_PATH))
_LIST_BELOW = statement(
    select(*FOLDER_COLUMNS)
    .where(*AT_OR_BELOW, F.c.deleted_at.is_(None), F.c.path > bindparam("after"))
    .order_by(F.c.path)
    .limit(bindparam("limit"))
)
_LIST_TREE = statement(select(*FOLDER_COLUMNS).where(*AT_OR_BELOW).order_by(F.c.path).with_for_update())
_INSERT = statement(
    insert_if_absent(
        F,
        *(column.name for column in F.columns),
        conflict=("organization", "project", "environment", "path"),
    )
)
_SEEN = (
    F.c.organization == bindparam("organization"),
    F.c.project == bindparam("project"),
    F.c.id == bindparam("id"),
    F.c.mac == bindparam("seen_mac"),
)
_UPDATE = statement(
    update(F)
    .where(*_SEEN)
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("path", "description", "updated_at", "deleted_at", "mac_version", "mac", "live_in")
        }
    )
)
#: Keeps a folder as it is until the transaction ends, beside others that do.
_HOLD = statement(select(F.c.id).where(*_SEEN).with_for_update(read=True))


async def find_folder(
    database: Database, mac: RowMac, tenant: Tenant, environment: str, path: FolderPath
) -> Folder | None:
    """Return the folder at a path, deleted or not."""
    row = await database.read_one(_FIND, environment=environment, path=path, **owner(tenant))
    return None if row is None else folder_of(row, mac)


async def refetch_folder(
    transaction: Transaction, mac: RowMac, tenant: Tenant, environment: str, path: FolderPath
) -> Folder | None:
    """Return the same as it stands in this transaction."""
    row = await transaction.fetch_one(_FIND, environment=environment, path=path, **owner(tenant))
    return None if row is None else folder_of(row, mac)


async def list_folders(
    database: Database,
    mac: RowMac,
    tenant: Tenant,
    environment: str,
    path: FolderPath,
    *,
    after: str,
    limit: int,
) -> list[Folder]:
    """Return at most `limit` live folders at or below a path, by path, those behind `after`."""
    rows = await database.scan(
        _LIST_BELOW,
        environment=environment,
        path=path,
        after=after,
        limit=limit,
        **tree(path),
        **owner(tenant),
    )
    return [folder_of(row, mac) for row in rows]


async def lock_folders(
    transaction: Transaction, mac: RowMac, tenant: Tenant, environment: str, path: FolderPath
) -> list[Folder]:
    """Return the folders at and below a path, deleted ones included; nobody else changes them meanwhile."""
    rows = await transaction.fetch_all(
        _LIST_TREE, environment=environment, path=path, **tree(path), **owner(tenant)
    )
    return [folder_of(row, mac) for row in rows]


async def insert_folder(transaction: Transaction, mac: RowMac, folder: Folder) -> bool:
    """Keep a new folder; False if one at its path was there first."""
    return await transaction.execute(_INSERT, **folder_values(folder, mac)) == 1


def require_folder_update(
    transaction: Transaction, mac: RowMac, seen: Folder, new: Folder, otherwise: Callable[[], Exception]
) -> None:
    """Change a folder; `otherwise()` ends the transaction if it is no longer as it was seen."""
    transaction.require(_UPDATE, otherwise, **_change(mac, seen, new))


async def update_folder(transaction: Transaction, mac: RowMac, seen: Folder, new: Folder) -> bool:
    """Change a folder if it is still as it was seen. Raises FolderTakenError for a path that is taken."""
    try:
        return await transaction.execute(_UPDATE, **_change(mac, seen, new)) == 1
    except UniqueViolationError as error:
        raise FolderTakenError(
            f"{new.path} is the path of another folder, perhaps a deleted one that still holds deleted "
            "secrets. Choose another name.",
            field="new_name",
            rule="unique",
        ) from error


def hold_folder(transaction: Transaction, seen: Folder, otherwise: Callable[[], Exception]) -> None:
    """Keep a folder as it was seen until the transaction ends; `otherwise()` ends it if that changed."""
    transaction.require(_HOLD, otherwise, id=seen.id, seen_mac=seen.mac, **owner(seen.tenant))


def _change(mac: RowMac, seen: Folder, new: Folder) -> dict[str, Value]:
    values = folder_values(new, mac)
    changed = {f"new_{name}": values[name] for name in values if name not in _FIXED}
    return {"id": seen.id, "seen_mac": seen.mac, **owner(seen.tenant), **changed}


_FIXED = frozenset({"organization", "project", "id", "environment", "created_at"})
