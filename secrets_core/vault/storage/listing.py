"""Pages of the live secrets of folders and trees, in the order of their bytes on both engines."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, bindparam, null, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import Select
from sqlalchemy.sql.sqltypes import Text

from ca_service.database.port import Database, Row, Value
from ca_service.database.statement import any_of, statement
from ca_service.kernel.tenancy import Tenant
from secrets_core.paths import FolderPath
from secrets_core.vault.folders import Folder
from secrets_core.vault.rows import VaultRows
from secrets_core.vault.storage.rows import (
    FOLDER_COLUMNS,
    SECRET_AT,
    SECRET_COLUMNS,
    VERSION_AT,
    VERSION_COLUMNS,
    folder_of,
    owner,
    secret_of,
    version_of,
)
from secrets_core.vault.storage.secrets import AT_OR_BELOW, AT_PATH, Held, tree
from secrets_core.vault.storage.tables import FOLDERS as F
from secrets_core.vault.storage.tables import SECRETS as S
from secrets_core.vault.storage.tables import VERSIONS as V


class _InBytes(FunctionElement[str]):
    """A text that is compared by its bytes, whatever the collation of the database."""

    type = Text()
    inherit_cache = True


@compiles(_InBytes, "sqlite")
def _in_bytes_on_sqlite(element: _InBytes, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(next(iter(element.clauses)), **options)


@compiles(_InBytes, "postgresql")
def _in_bytes_on_postgresql(element: _InBytes, compiler: SQLCompiler, **options: Any) -> str:
    return f'{compiler.process(next(iter(element.clauses)), **options)} COLLATE "C"'


_PATH, _NAME = _InBytes(F.c.path), _InBytes(S.c.name)
_HELD = F.join(
    S, and_(S.c.organization == F.c.organization, S.c.project == F.c.project, S.c.folder == F.c.id)
).join(
    V,
    and_(
        V.c.organization == S.c.organization,
        V.c.project == S.c.project,
        V.c.secret == S.c.id,
        V.c.version == S.c.version,
    ),
)
_LIVE = (F.c.deleted_at.is_(None), S.c.deleted_at.is_(None))
_AFTER_NAME = bindparam("after_name", type_=Text()) < _NAME
_AFTER = or_(
    bindparam("after_path", type_=Text()) < _PATH,
    and_(F.c.path == bindparam("after_path", type_=Text()), _AFTER_NAME),
)


def _without(*names: str) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a version; those named are not read."""
    return tuple(null().label(each.name) if each.name in names else each for each in VERSION_COLUMNS)


def _reading(versions: Sequence[ColumnElement[Any]]) -> Select[Any]:
    return select(*FOLDER_COLUMNS, *SECRET_COLUMNS, *versions).select_from(_HELD)


def _of_folder(versions: Sequence[ColumnElement[Any]]) -> "Select[Any]":
    return _reading(versions).where(*AT_PATH, *_LIVE, _AFTER_NAME).order_by(_NAME).limit(bindparam("limit"))


def _of_tree(versions: Sequence[ColumnElement[Any]]) -> "Select[Any]":
    return (
        _reading(versions)
        .where(*AT_OR_BELOW, *_LIVE, _AFTER)
        .order_by(_PATH, _NAME)
        .limit(bindparam("limit"))
    )


_READ_FOLDER = statement(_of_folder(VERSION_COLUMNS))
_READ_TREE = statement(_of_tree(VERSION_COLUMNS))
_READ_NOTES = statement(_of_folder(_without("value")))
_READ_NOTES_OF_TREE = statement(_of_tree(_without("value")))
_READ_HEADS = statement(_of_folder(_without("value", "notes")))
_READ_NAMED = statement(_reading(VERSION_COLUMNS).where(*AT_PATH, *_LIVE, any_of(S.c.name, "names")))


class Place(Struct, frozen=True):
    """A folder as its rows know it; `environment` is the id."""

    tenant: Tenant
    environment: str
    path: FolderPath

    @property
    def parameters(self) -> dict[str, Value]:
        """Return what statements are given to find it."""
        return {"environment": self.environment, "path": self.path, **owner(self.tenant)}


async def read_folder_page(
    database: Database, rows: VaultRows, place: Place, after: str, limit: int, *, with_values: bool
) -> list[Held]:
    """Return at most `limit` secrets of a folder, those behind the name `after`, by name. One read."""
    found = await database.read(
        _READ_FOLDER if with_values else _READ_NOTES,
        after_name=after,
        limit=limit,
        **place.parameters,
    )
    return _held(found, rows)


async def read_heads_page(
    database: Database, rows: VaultRows, place: Place, after: str, limit: int
) -> list[Held]:
    """Return the same without values and notes, for whoever may need few of them. One read."""
    found = await database.read(_READ_HEADS, after_name=after, limit=limit, **place.parameters)
    return _held(found, rows)


async def read_tree_page(
    database: Database,
    rows: VaultRows,
    place: Place,
    after: tuple[str, str],
    limit: int,
    *,
    with_values: bool,
) -> list[Held]:
    """Return at most `limit` secrets of a folder and all below it, behind (path, name). One read."""
    found = await database.read(
        _READ_TREE if with_values else _READ_NOTES_OF_TREE,
        after_path=after[0],
        after_name=after[1],
        limit=limit,
        **tree(place.path),
        **place.parameters,
    )
    return _held(found, rows)


async def read_named(database: Database, rows: VaultRows, place: Place, names: Sequence[str]) -> list[Held]:
    """Return the secrets of a folder that have one of these names. One read."""
    return _held(await database.read(_READ_NAMED, names=list(names), **place.parameters), rows)


def _held(found: Sequence[Row], rows: VaultRows) -> list[Held]:
    """Return the rows as values; a folder is verified once for all rows that say the same of it."""
    folders: dict[Row, Folder] = {}
    held = []
    for row in found:
        columns = row[:SECRET_AT]
        folder = folders.get(columns)
        if folder is None:
            folder = folders[columns] = folder_of(row, rows.folder_mac)
        secret = secret_of(row, rows.secret_mac, SECRET_AT)
        held.append(Held(folder, secret, version_of(row, VERSION_AT)))
    return held
