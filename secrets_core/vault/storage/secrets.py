"""Rows of secrets and versions. A secret is found by its place in one read, changed only as it was seen."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from sqlalchemy import Integer, and_, bindparam, cast, func, insert, literal_column, null, or_, select, update
from sqlalchemy.sql.sqltypes import BigInteger

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import any_of, insert_if_absent, statement
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.tenancy import Tenant
from secrets_core.paths import ROOT, FolderPath
from secrets_core.vault.errors import VersionMissingError
from secrets_core.vault.folders import Folder
from secrets_core.vault.rows import VaultRows
from secrets_core.vault.secrets import Secret, SecretVersion
from secrets_core.vault.storage.rows import (
    FOLDER_COLUMNS,
    SECRET_AT,
    SECRET_COLUMNS,
    VERSION_AT,
    VERSION_COLUMNS,
    folder_of,
    owner,
    secret_of,
    secret_values,
    version_of,
    version_values,
)
from secrets_core.vault.storage.tables import FOLDERS as F
from secrets_core.vault.storage.tables import SECRETS as S
from secrets_core.vault.storage.tables import VERSIONS as V


class Found(Struct, frozen=True):
    """What lies at a place: perhaps a folder, perhaps a secret in it, and the version of it asked for.

    Deleted folders and secrets are found too.
    """

    folder: Folder | None = None
    secret: Secret | None = None
    version: SecretVersion | None = None


class Held(Struct, frozen=True):
    """One live secret of a folder with its current version; the value is None where it was not asked for."""

    folder: Folder
    secret: Secret
    version: SecretVersion


class Lying(Struct, frozen=True):
    """A secret, deleted or not, and the folder it lies in."""

    folder: Folder
    secret: Secret


#: Deleted folders keep their rows, and so do deleted secrets.
_WITH_SECRETS = and_(S.c.organization == F.c.organization, S.c.project == F.c.project, S.c.folder == F.c.id)
_WITH_VERSIONS = and_(V.c.organization == S.c.organization, V.c.project == S.c.project, V.c.secret == S.c.id)
IN_FOLDER = (
    F.c.organization == bindparam("organization"),
    F.c.project == bindparam("project"),
    F.c.environment == bindparam("environment"),
)
AT_PATH = (*IN_FOLDER, F.c.path == bindparam("path"))
AT_OR_BELOW = (
    *IN_FOLDER,
    or_(
        F.c.path == bindparam("path"),
        func.substr(F.c.path, literal_column("1"), cast(bindparam("length", type_=BigInteger), Integer))
        == bindparam("prefix", type_=F.c.path.type),
    ),
)
_ALL = (*FOLDER_COLUMNS, *SECRET_COLUMNS, *VERSION_COLUMNS)
_NAMED = and_(_WITH_SECRETS, S.c.name == bindparam("name"))
_CURRENT = and_(_WITH_VERSIONS, V.c.version == S.c.version)
_FIND = statement(select(*_ALL).select_from(F.outerjoin(S, _NAMED).outerjoin(V, _CURRENT)).where(*AT_PATH))
_FIND_VERSION = statement(
    select(*_ALL)
    .select_from(
        F.outerjoin(S, _NAMED).outerjoin(V, and_(_WITH_VERSIONS, V.c.version == bindparam("version")))
    )
    .where(*AT_PATH)
)
#: For whoever asks for no values.
_WITHOUT_VALUES = tuple(
    null().label("value") if column.name == "value" else column for column in VERSION_COLUMNS
)
_FIND_NAMED = statement(
    select(*_ALL)
    .select_from(F.outerjoin(S, and_(_WITH_SECRETS, any_of(S.c.name, "names"))).outerjoin(V, _CURRENT))
    .where(*AT_PATH)
)
_OF_SECRET = (
    V.c.organization == bindparam("organization"),
    V.c.project == bindparam("project"),
    V.c.secret == bindparam("secret"),
)
_LIST_VERSIONS = statement(
    select(*_WITHOUT_VALUES)
    .where(*_OF_SECRET, V.c.version < bindparam("before"))
    .order_by(V.c.version.desc())
    .limit(bindparam("limit"))
)
_FIND_VERSIONS = statement(
    select(*_WITHOUT_VALUES).where(*_OF_SECRET, any_of(V.c.version, "versions")).order_by(V.c.version.desc())
)
_LIST_TREE = statement(
    select(*FOLDER_COLUMNS, *SECRET_COLUMNS)
    .select_from(F.join(S, _WITH_SECRETS))
    .where(*AT_OR_BELOW)
    .order_by(F.c.path, S.c.name)
    .limit(bindparam("limit"))
)
_LOCK = statement(
    select(S.c.id)
    .where(
        S.c.organization == bindparam("organization"),
        S.c.project == bindparam("project"),
        S.c.id == bindparam("id"),
    )
    .with_for_update()
)
_INSERT = statement(
    insert_if_absent(
        S, *(column.name for column in SECRET_COLUMNS), conflict=("organization", "project", "folder", "name")
    )
)
#: A row changes only while it is the one that was seen: its tag covers every column.
_UPDATE = statement(
    update(S)
    .where(
        S.c.organization == bindparam("organization"),
        S.c.project == bindparam("project"),
        S.c.id == bindparam("id"),
        S.c.mac == bindparam("seen_mac"),
    )
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "folder",
                "name",
                "version",
                "tags",
                "updated_at",
                "deleted_at",
                "mac_version",
                "mac",
            )
        }
    )
)
_INSERT_VERSION = statement(
    insert(V).values({column.name: bindparam(column.name) for column in VERSION_COLUMNS})
)
_DESTROY = statement(
    update(V)
    .where(*_OF_SECRET, any_of(V.c.version, "versions"), V.c.destroyed_at.is_(None))
    .values(value=None, notes=None, destroyed_at=bindparam("now"))
)


def found_of(row: Row | None, rows: VaultRows) -> Found:
    """Return a row of folder, secret and version, either of which may be missing. Raises IntegrityError."""
    if row is None:
        return Found()
    folder = folder_of(row, rows.folder_mac)
    if row[SECRET_AT + 2] is None:
        return Found(folder)
    secret = secret_of(row, rows.secret_mac, SECRET_AT)
    if row[VERSION_AT + 2] is None:
        return Found(folder, secret)
    return Found(folder, secret, version_of(row, VERSION_AT))


async def find_secret(
    database: Database, rows: VaultRows, tenant: Tenant, environment: str, path: FolderPath, name: str
) -> Found:
    """Return what lies at a place, with the current version; `environment` is the id. One read."""
    row = await database.read_one(_FIND, environment=environment, path=path, name=name, **owner(tenant))
    return _with_current(found_of(row, rows))


async def refetch_secret(
    transaction: Transaction, rows: VaultRows, tenant: Tenant, environment: str, path: FolderPath, name: str
) -> Found:
    """Return the same as it stands in this transaction."""
    row = await transaction.fetch_one(_FIND, environment=environment, path=path, name=name, **owner(tenant))
    return _with_current(found_of(row, rows))


async def find_version(
    database: Database,
    rows: VaultRows,
    tenant: Tenant,
    environment: str,
    path: FolderPath,
    name: str,
    version: int,
) -> Found:
    """Return what lies at a place with one version of it, if there is such. One read."""
    row = await database.read_one(
        _FIND_VERSION, environment=environment, path=path, name=name, version=version, **owner(tenant)
    )
    return found_of(row, rows)


async def find_named(
    database: Database,
    rows: VaultRows,
    tenant: Tenant,
    environment: str,
    path: FolderPath,
    names: Sequence[str],
) -> tuple[Folder | None, dict[str, Found]]:
    """Return a folder and the secrets of these names in it, with their current versions. One read."""
    read = await database.read(
        _FIND_NAMED, environment=environment, path=path, names=list(names), **owner(tenant)
    )
    found = [_with_current(found_of(row, rows)) for row in read]
    folder = found[0].folder if found else None
    return folder, {each.secret.name: each for each in found if each.secret is not None}


async def list_tree(
    database: Database, rows: VaultRows, tenant: Tenant, environment: str, path: FolderPath, limit: int
) -> list[Lying]:
    """Return at most `limit` secrets of a folder and all below it, deleted ones included."""
    read = await database.scan(
        _LIST_TREE, environment=environment, path=path, limit=limit, **tree(path), **owner(tenant)
    )
    return [_lying(row, rows) for row in read]


async def refetch_tree(
    transaction: Transaction,
    rows: VaultRows,
    tenant: Tenant,
    environment: str,
    path: FolderPath,
    limit: int,
) -> list[Lying]:
    """Return the same as they stand in this transaction."""
    read = await transaction.fetch_all(
        _LIST_TREE, environment=environment, path=path, limit=limit, **tree(path), **owner(tenant)
    )
    return [_lying(row, rows) for row in read]


async def lock_secret(transaction: Transaction, secret: Secret) -> None:
    """Let nobody else change a secret until the transaction ends."""
    await transaction.fetch_one(_LOCK, id=secret.id, **owner(secret.tenant))


async def list_versions(
    database: Database, secret: Secret, *, before: int, limit: int
) -> list[SecretVersion]:
    """Return at most `limit` versions without their values, newest first, those below `before`."""
    read = await database.read(
        _LIST_VERSIONS, secret=secret.id, before=before, limit=limit, **owner(secret.tenant)
    )
    return [version_of(row) for row in read]


async def find_versions(database: Database, secret: Secret, versions: Sequence[int]) -> list[SecretVersion]:
    """Return those of these versions that there are, without their values, newest first."""
    read = await database.read(
        _FIND_VERSIONS, secret=secret.id, versions=list(versions), **owner(secret.tenant)
    )
    return [version_of(row) for row in read]


async def insert_secret(transaction: Transaction, rows: VaultRows, secret: Secret) -> bool:
    """Keep a new secret; False if one of its name was there first."""
    return await transaction.execute(_INSERT, **secret_values(secret, rows.secret_mac)) == 1


async def update_secret(transaction: Transaction, rows: VaultRows, seen: Secret, new: Secret) -> bool:
    """Change a secret if it is still as it was seen. Raises UniqueViolationError for a name that is taken."""
    return await transaction.execute(_UPDATE, **_change(rows, seen, new)) == 1


def require_update(
    transaction: Transaction,
    rows: VaultRows,
    seen: Secret,
    new: Secret,
    otherwise: Callable[[], Exception],
) -> None:
    """Change a secret; `otherwise()` ends the transaction if it is no longer as it was seen."""
    transaction.require(_UPDATE, otherwise, **_change(rows, seen, new))


def insert_version(transaction: Transaction, version: SecretVersion) -> None:
    """Keep a new version."""
    transaction.send(_INSERT_VERSION, **version_values(version))


def destroy_versions(transaction: Transaction, secret: Secret, versions: Sequence[int]) -> None:
    """Drop what is sealed in these versions, for good; their rows and digests stay."""
    transaction.send(
        _DESTROY,
        secret=secret.id,
        versions=list(versions),
        now=to_microseconds(transaction.now),
        **owner(secret.tenant),
    )


def tree(path: FolderPath) -> dict[str, Value]:
    """Return the parameters that mean everything below a path."""
    prefix = "/" if path == ROOT else f"{path}/"
    return {"prefix": prefix, "length": len(prefix)}


def _change(rows: VaultRows, seen: Secret, new: Secret) -> dict[str, Value]:
    values = secret_values(new, rows.secret_mac)
    fixed = {"organization", "project", "id", "created_at"}
    return {
        "seen_mac": seen.mac,
        "id": seen.id,
        **owner(seen.tenant),
        **{f"new_{name}": value for name, value in values.items() if name not in fixed},
    }


def _lying(row: Row, rows: VaultRows) -> Lying:
    return Lying(folder_of(row, rows.folder_mac), secret_of(row, rows.secret_mac, SECRET_AT))


def _with_current(found: Found) -> Found:
    """Return what was found. Raises VersionMissingError for a secret whose current version is gone."""
    if found.secret is not None and found.version is None:
        raise VersionMissingError(f"secret {found.secret.id} has no row of version {found.secret.version}")
    return found
